/** The one topic of this example: a group that every page joins. */
export const topic = 'news';
