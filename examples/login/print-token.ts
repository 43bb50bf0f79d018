// Prints a token that is valid for one hour: npm run token -- <uid>
import { signToken } from './token.ts';

const [uid = 'ada'] = process.argv.slice(2);
process.stdout.write(`${signToken(uid, Date.now() + 3_600_000)}\n`);
