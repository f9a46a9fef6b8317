// What a search finds first. Pages that explain come before those that list, and the page of a
// browser's message before all of them where it is that message which was typed.
var Scorer = {
  score: ([page, , , , score]) => {
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
