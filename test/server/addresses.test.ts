/** Which addresses web hooks may lead to. */
import { assert, describe, it } from "@effect/vitest"
import { seeded } from "@reins/protocol/testing"
import { NetworkAddress } from "@reins/server"

const { isPublic } = NetworkAddress
const random = seeded(7)
const below = (count: number) => Math.floor(random() * count)
const v4 = () => Array.from({ length: 4 }, () => below(256))
const hex = (high = 0, low = 0) => (high * 256 + low).toString(16)

describe("an address", () => {
  it.each([
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.255",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12:3456::1",
    "ff02::1",
    "2001:db8::1",
    "2001::1",
    "64:ff9b:1::1",
    "100::1"
  ])("of a local network, or of nobody, is not public: %s", (address) => {
    assert.isFalse(isPublic(address))
  })

  it.each([
    "1.1.1.1",
    "93.184.216.34",
    "100.128.0.1",
    "172.32.0.1",
    "192.0.1.1",
    "223.255.255.255",
    "2606:2800:220:1::1"
  ])("of the internet is public: %s", (address) => {
    assert.isTrue(isPublic(address))
  })

  it.each([
    "",
    "localhost",
    "1.2.3",
    "1.2.3.4.5",
    "01.2.3.4",
    "256.1.1.1",
    ":::",
    "1::2::3",
    "g::1",
    "1:2:3:4:5:6:7:8:9"
  ])("that is none is not public: %j", (address) => {
    assert.isFalse(isPublic(address))
  })

  it("within an IPv6 address is judged as it is by itself, however it is written", () => {
    for (let count = 0; count < 500; count += 1) {
      const [a = 0, b = 0, c = 0, d = 0] = v4()
      const dotted = `${a}.${b}.${c}.${d}`
      const groups = `${hex(a, b)}:${hex(c, d)}`
      const wanted = isPublic(dotted)
      for (const text of [
        `::ffff:${dotted}`,
        `::ffff:${groups}`,
        `0:0:0:0:0:FFFF:${groups}`,
        `64:ff9b::${dotted}`,
        `2002:${groups}::1`
      ]) {
        assert.strictEqual(isPublic(text), wanted, text)
      }
    }
  })
})
