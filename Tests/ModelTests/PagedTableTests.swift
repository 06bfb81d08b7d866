import Testing

@testable import Model

struct PagedTableTests {
    @Test func `it holds what a plain table holds, with few entries in a page and with many`() {
        var generator = SeededGenerator(seed: 9)
        var paged = PagedTable<Int>()
        var plain = OrderedTable<UInt64, Int>()
        for turn in 0..<60_000 {
            // Filled and emptied by turns, so that pages go both ways through their change of form.
            let grows = turn / 2_000 % 2 == 0
            let number = generator.below(1_200)
            switch generator.below(10) {
            case 0...(grows ? 6 : 1):
                paged[number] = turn
                plain[number] = turn
            case 8:
                let changed: Void? = paged.update(number) { $0 += 1 }
                #expect((changed == nil) == (plain[number] == nil))
                plain.update(number) { $0 += 1 }
            case 9: #expect(paged[number] == plain[number])
            default:
                paged[number] = nil
                plain[number] = nil
            }
            #expect(paged.count == plain.count)
        }
        for after in [nil, 0, 255, 256, 700, 1_199] as [UInt64?] {
            var found: [UInt64] = []
            paged.forEach(after: after) { number, value in
                #expect(plain[number] == value)
                found.append(number)
                return true
            }
            #expect(found == plain.keys.filter { after == nil || $0 > after! })
            var back: [UInt64] = []
            paged.forEachBackwards(before: after) { number, _ in
                back.append(number)
                return true
            }
            #expect(back == plain.keys.reversed().filter { after == nil || $0 < after! })
        }
        // The same entries are the same table, however they came there.
        var anew = PagedTable<Int>()
        for (number, value) in plain { anew[number] = value }
        #expect(anew == paged && anew.hashValue == paged.hashValue)
    }

    @Test func `one entry does not keep the room of its page`() {
        var page = PagedTable<Int>.Page()
        for slot in 0..<256 { _ = page.set(slot, slot) }
        #expect(page.slots.count == 256)
        for slot in 0..<255 { _ = page.remove(slot) }
        #expect(page.slots.isEmpty && page.few.count == 1 && page[255] == 255)
    }
}
