// What a search finds first: a title or a word of the index that was typed; then pages that explain
// before those that list; last the pages of messages that only mention it.
var Scorer = {
  score: ([page, , , , score, , kind]) => {
    if (kind === "title") return score + 10;
    if (kind === "index") return score;
    const lists = /^(api|changelog|contributing|index)$/.test(page);
    const mentions = page.startsWith("troubleshooting/") && score < Scorer.title;
    return lists || mentions ? score - 6 : score;
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
