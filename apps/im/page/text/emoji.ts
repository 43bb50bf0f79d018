/** Emoji with their search words, by group. */
export const emojiGroups: readonly {
  readonly name: string;
  readonly emoji: readonly (readonly [symbol: string, words: string])[];
}[] = [
  {
    name: 'Smileys',
    emoji: parse(
      '😀 grin happy|😃 smile happy|😄 laugh happy|😁 beam|😅 sweat relief|😂 tears joy laugh|🤣 rolling laugh|🙂 slight smile|🙃 upside down|😉 wink|😊 blush|😇 halo angel|🥰 love hearts|😍 heart eyes|😘 kiss|😋 yum tasty|😜 tongue wink|🤪 zany|🤗 hug|🤭 giggle|🤫 quiet shush|🤔 think|🤨 doubt eyebrow|😐 neutral|😏 smirk|🙄 roll eyes|😬 grimace|😌 relieved|😔 sad pensive|😴 sleep|😷 mask ill|🤒 fever ill|🤕 hurt|🥵 hot|🥶 cold|🥴 woozy|🤯 mind blown|🥳 party|😎 cool sunglasses|🤓 nerd|🧐 monocle|😕 confused|😟 worried|😮 surprised oh|😲 astonished|🥺 pleading|😢 cry sad|😭 sob cry|😱 scream fear|😤 huff|😠 angry|😡 rage|🤬 swear|💀 skull dead|🤖 robot|👻 ghost',
    ),
  },
  {
    name: 'People',
    emoji: parse(
      '👋 wave hello bye|👌 ok|✌️ victory peace|🤞 fingers crossed luck|🤙 call me|👈 left point|👉 right point|👆 up point|👇 down point|👍 thumbs up yes good|👎 thumbs down no bad|✊ fist|👏 clap bravo|🙌 hands up hooray|🫶 heart hands|🤝 handshake deal|🙏 thanks please pray|💪 strong muscle|👀 eyes look|🧠 brain|🫡 salute|🤷 shrug|🤦 facepalm|🙋 raise hand|💃 dance|🕺 dance|🏃 run|🧑‍💻 computer work|👶 baby|👪 family',
    ),
  },
  {
    name: 'Hearts',
    emoji: parse(
      '❤️ heart love red|🧡 heart orange|💛 heart yellow|💚 heart green|💙 heart blue|💜 heart purple|🖤 heart black|🤍 heart white|💔 broken heart|💕 hearts|💯 hundred full|✨ sparkles|⭐ star|🔥 fire hot|🎉 party tada|🎊 confetti|🎂 cake birthday|🎁 gift present|🏆 trophy win|🥇 medal gold|✅ done check yes|❌ no cross|❗ exclamation|❓ question|💤 sleep zzz|💬 speech talk',
    ),
  },
  {
    name: 'Nature',
    emoji: parse(
      '🐶 dog|🐱 cat|🐭 mouse|🐰 rabbit|🦊 fox|🐻 bear|🐼 panda|🐸 frog|🐵 monkey|🐔 chicken|🐧 penguin|🦉 owl|🦄 unicorn|🐝 bee|🦋 butterfly|🐢 turtle|🐙 octopus|🐳 whale|🌸 blossom flower|🌹 rose flower|🌻 sunflower|🌲 tree|🍀 clover luck|🌈 rainbow|☀️ sun|⛅ cloud|🌧️ rain|❄️ snow|⚡ lightning|🌊 wave sea|🌙 moon',
    ),
  },
  {
    name: 'Food and travel',
    emoji: parse(
      '🍎 apple|🍌 banana|🍓 strawberry|🍉 melon|🥑 avocado|🥐 croissant|🍞 bread|🧀 cheese|🍕 pizza|🍔 burger|🍟 fries|🍜 noodles|🍣 sushi|🍦 ice cream|🍪 cookie|🍫 chocolate|☕ coffee tea|🍺 beer|🍷 wine|🥂 cheers toast|⚽ football|🏀 basketball|🎾 tennis|🎮 game|🎸 guitar music|🎬 film|📚 books|💻 laptop computer|📱 phone|📷 camera picture|🚗 car|🚲 bicycle|🚆 train|✈️ plane travel|🏠 home house|🏖️ beach holiday|⏰ alarm clock|🔑 key',
    ),
  },
];

function parse(text: string): readonly (readonly [string, string])[] {
  return text.split('|').map((entry) => {
    const [symbol = '', ...words] = entry.split(' ');
    return [symbol, words.join(' ')] as const;
  });
}
