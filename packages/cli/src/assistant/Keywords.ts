/** Extracts search terms from a question: the words that remain without stop words. Pure. */

/** The most terms of a question. */
const limit = 5

const small = new Set(
  (
    "a about all an and any are as ask at be been by can code could did do does each file files find folder for from " +
    "get give had has have here how i if in into is it its keep list look make many may me might more most much must my " +
    "name no not of on or our out over please project repo repository say says see should show so some tell than that the " +
    "their them then there these they thing things this those to under up use used uses using was way we were what when " +
    "where which while who whom whose why will with work works would you your"
  ).split(" ")
)

/** The terms of a question, in order. Empty when it contains only stop words: then it asks about the whole folder. */
export const of = (question: string): ReadonlyArray<string> => {
  const words = question.toLowerCase().match(/[\p{L}\p{N}][\p{L}\p{N}_-]*/gu) ?? []
  const terms = words.filter((word) => !small.has(word) && (word.length > 2 || /[^a-z]/.test(word))).map(singular)
  return [...new Set(terms)].slice(0, limit)
}

/** So that "budgets" also finds "budget". */
const singular = (word: string): string => (/[^s]s$/.test(word) && word.length > 4 ? word.slice(0, -1) : word)
