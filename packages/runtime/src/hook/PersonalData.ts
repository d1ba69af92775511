/**
 * Finds personal data in text: e-mail addresses, phone numbers, payment cards by their check digit, IBANs by theirs, IP
 * addresses, and a program's own patterns. Pure, and linear in the text: no pattern can be made slow by what is searched.
 */

/**
 * A kind of personal data that is known here.
 *
 * @since 0.1.0
 * @category models
 */
export type Kind = "email" | "phone" | "card" | "iban" | "ip"

/** A pattern, and how much of a match it is: the length from its beginning; 0: none. */
interface Finder {
  readonly pattern: RegExp
  readonly lengthOf: (match: string) => number
}

const whole = (match: string): number => match.length

/** The lengths of IBANs by country. */
const ibans: ReadonlyMap<string, number> = new Map(
  (
    "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BR29BY28CH21CR22CY28CZ24DE22DK18DO28EE20EG29ES24FI18FO18FR27GB22GE22GI23GL18" +
    "GR27GT28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MR27MT31MU30NI28NL18" +
    "NO15PK24PL28PS29PT25QA29RO24RS22SA24SC31SD18SE24SI19SK24SM27ST25SV28TL23TN24TR26UA29VA22VG24XK20"
  )
    .match(/[A-Z]{2}\d{2}/g)
    ?.map((one) => [one.slice(0, 2), Number(one.slice(2))] as const) ?? []
)

/** The length of the first `count` characters of a text that are not separators. */
const lengthOfFirst = (text: string, count: number): number => {
  let left = count
  for (let index = 0; index < text.length; index++) {
    if (!/[\s.-]/.test(text.charAt(index)) && --left === 0) return index + 1
  }
  return 0
}

/** By the check digits of ISO 7064: the number that the letters and digits make is 1 modulo 97. */
const isIban = (compact: string): boolean => {
  const moved = compact.slice(4) + compact.slice(0, 4)
  let rest = 0
  for (const character of moved) {
    const value = Number.parseInt(character, 36)
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97
  }
  return rest === 1
}

const ibanLength = (match: string): number => {
  const compact = match.replace(/[\s.-]/g, "").toUpperCase()
  const length = ibans.get(compact.slice(0, 2))
  return length !== undefined && compact.length >= length && isIban(compact.slice(0, length))
    ? lengthOfFirst(match, length)
    : 0
}

/** By the check digit of ISO 7812. */
const isCard = (digits: string): boolean => {
  let sum = 0
  for (let index = 0; index < digits.length; index++) {
    const digit = digits.charCodeAt(digits.length - 1 - index) - 48
    const twice = digit * 2
    sum += index % 2 === 0 ? digit : twice > 9 ? twice - 9 : twice
  }
  return sum % 10 === 0
}

const cardLength = (match: string): number => {
  const digits = match.replace(/\D/g, "")
  if (/^(\d)\1*$/.test(digits)) return 0
  for (let length = Math.min(19, digits.length); length >= 13; length--) {
    const end = lengthOfFirst(match, length)
    // Not within a group of digits.
    if (!/^\d/.test(match.slice(end)) && isCard(digits.slice(0, length))) return end
  }
  return 0
}

const isV4 = (text: string): boolean => text.split(".").every((part) => Number(part) <= 255)

const ipLength = (match: string): number => {
  if (!match.includes(":")) return isV4(match) ? match.length : 0
  const isShort = match.includes("::")
  const groups = match.split(":").filter((group) => group !== "")
  // `a::b` is rather a name.
  if (!/\d/.test(match)) return 0
  if (isShort ? match.indexOf("::") !== match.lastIndexOf("::") || groups.length === 0 : groups.length !== 8) return 0
  return groups.length <= 8 ? match.length : 0
}

const phoneLength = (match: string): number => {
  const digits = match.replace(/\D/g, "").length
  return digits >= 8 && digits <= 16 ? match.length : 0
}

const finders: { readonly [K in Kind]: Finder } = {
  email: {
    pattern: /[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}/g,
    lengthOf: whole
  },
  iban: { pattern: /(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ .-]?[A-Za-z0-9]){11,30}/g, lengthOf: ibanLength },
  card: { pattern: /(?<![\d.])\d(?:[ -]?\d){12,22}/g, lengthOf: cardLength },
  ip: {
    pattern:
      /(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\d)|(?:[0-9A-Fa-f]{1,4}|:):(?:[0-9A-Fa-f]{0,4}:){0,6}[0-9A-Fa-f]{0,4}(?![\w:]))/g,
    lengthOf: ipLength
  },
  phone: {
    pattern:
      /(?<![\w+]|\d[ .-])(?:(?:\+|00)[1-9](?:[ ()./-]{0,2}\d){6,14}|\(?[2-9]\d{2}\)?[ .-]\d{3}[ .-]\d{4}|0\d{1,4}[ /-]{1,3}\d(?:[ -]?\d){4,9})(?!\w)/g,
    lengthOf: phoneLength
  }
}

/**
 * All kinds, in the order in which they are looked for.
 *
 * @since 0.1.0
 * @category constants
 */
export const kinds: ReadonlyArray<Kind> = ["email", "iban", "card", "ip", "phone"]

/**
 * What is looked for: known kinds, and own patterns by name, each with the flag `g`. `replacement`: what is put in place of
 * a find, by its kind or name.
 *
 * @since 0.1.0
 * @category models
 */
export interface Wanted {
  readonly kinds: ReadonlyArray<Kind>
  readonly own: ReadonlyArray<readonly [name: string, pattern: RegExp]>
  readonly replacement: (kind: string) => string
}

/**
 * The text with what was found replaced; the same text if nothing was.
 *
 * @since 0.1.0
 * @category operations
 */
export const redact = (text: string, { kinds: all, own, replacement }: Wanted): string => {
  let left = text
  for (const [name, pattern] of own) left = left.replace(pattern, (match) => (match === "" ? "" : replacement(name)))
  for (const kind of kinds) {
    if (!all.includes(kind)) continue
    const { lengthOf, pattern } = finders[kind]
    left = left.replace(pattern, (match) => {
      const length = lengthOf(match)
      return length === 0 ? match : replacement(kind) + match.slice(length)
    })
  }
  return left
}
