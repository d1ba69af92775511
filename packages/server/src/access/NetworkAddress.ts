/**
 * Whether an IP address belongs to the public internet: what is sent to others stays on this machine or in its network,
 * or means nobody. An IPv6 address that contains an IPv4 one (mapped, NAT64, 6to4) is judged by that. Text that is no
 * address is not public.
 */

type Range = readonly [from: string, bits: number]

/** Ranges of IPv4 that are not public: this host, private, shared, link-local, reserved, multicast. */
const local: ReadonlyArray<Range> = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3]
]

/** The 32 bits of an IPv4 address. */
const ofV4 = (text: string): number | undefined => {
  const parts = text.split(".")
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined
  return parts.reduce((bits, part) => bits * 256 + Number(part), 0)
}

const isIn = (bits: number, [from, length]: Range): boolean =>
  Math.floor(bits / 2 ** (32 - length)) === Math.floor((ofV4(from) ?? 0) / 2 ** (32 - length))

const isPublicV4 = (bits: number): boolean => !local.some((range) => isIn(bits, range))

/** The eight groups of an IPv6 address. */
const ofV6 = (text: string): ReadonlyArray<number> | undefined => {
  const plain = text.split("%")[0] ?? ""
  const last = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(plain)
  const bits = last === null ? 0 : ofV4(last[2] ?? "")
  if (bits === undefined) return undefined
  const whole =
    last === null ? plain : `${last[1]}${Math.floor(bits / 65536).toString(16)}:${(bits % 65536).toString(16)}`
  const sides = whole.split("::")
  if (sides.length > 2) return undefined
  const [head = [], tail = []] = sides.map((side) => (side === "" ? [] : side.split(":")))
  const missing = 8 - head.length - tail.length
  if (sides.length === 2 ? missing < 1 : missing !== 0) return undefined
  const groups = [...head, ...Array.from({ length: missing }, () => "0"), ...tail]
  return groups.every((group) => /^[\da-f]{1,4}$/i.test(group)) ? groups.map((group) => parseInt(group, 16)) : undefined
}

/**
 * Whether the address belongs to the public internet.
 *
 * @since 0.1.0
 * @category guards
 */
export const isPublic = (address: string): boolean => {
  const bits = ofV4(address)
  if (bits !== undefined) return isPublicV4(bits)
  const groups = ofV6(address)
  if (groups === undefined) return false
  const [first = 0, second = 0] = groups
  const v4At = (index: number): number => (groups[index] ?? 0) * 65536 + (groups[index + 1] ?? 0)
  const isZero = (to: number) => groups.slice(0, to).every((group) => group === 0)
  // IPv4 within: mapped, NAT64, 6to4.
  if (isZero(5) && groups[5] === 0xffff) return isPublicV4(v4At(6))
  if (first === 0x64 && second === 0xff9b && groups.slice(2, 6).every((group) => group === 0))
    return isPublicV4(v4At(6))
  if (first === 0x2002) return isPublicV4(v4At(1))
  const isGlobal = first >= 0x2000 && first <= 0x3fff
  // Teredo, benchmarking, documentation.
  const isSpecial = first === 0x2001 && (second < 0x200 || second === 0xdb8)
  return isGlobal && !isSpecial && !(first === 0x3fff && second < 0x1000)
}
