import Model
import Testing

/// A table is compared, step by step, with the simplest thing that can do the same: an array of
/// pairs that is sorted after each change.
struct OrderedTableTests {
    struct Reference {
        var pairs: [(key: Int, value: String)] = []

        subscript(key: Int) -> String? {
            get { pairs.first { $0.key == key }?.value }
            set {
                pairs.removeAll { $0.key == key }
                if let newValue { pairs.append((key, newValue)) }
                pairs.sort { $0.key < $1.key }
            }
        }
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `random changes leave it equal to a sorted array`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var table = OrderedTable<Int, String>()
        var reference = Reference()
        for step in 0..<400 {
            let key = Int(generator.below(24)) - 12
            change(&table, &reference, key, step, way: generator.below(8))
            #expect(table[key] == reference[key])
            #expect(table.keys == reference.pairs.map(\.key))
            #expect(table.values == reference.pairs.map(\.value))
            #expect(table.count == reference.pairs.count)
            #expect(table.isEmpty == reference.pairs.isEmpty)
        }
        #expect(table.map(\.0) == reference.pairs.map(\.key))
        #expect(table.map(\.1) == reference.pairs.map(\.value))
    }

    /// Every way of changing a table, `_modify` with each of nil and value before and after.
    private func change(
        _ table: inout OrderedTable<Int, String>,
        _ reference: inout Reference,
        _ key: Int,
        _ step: Int,
        way: UInt64
    ) {
        func become(_ slot: inout String?, _ value: String?) { slot = value }
        switch way {
        case 0, 1:
            table[key] = "\(step)"
            reference[key] = "\(step)"
        case 2:
            table[key] = nil
            reference[key] = nil
        case 3:
            become(&table[key], "in place \(step)")
            reference[key] = "in place \(step)"
        case 4:
            become(&table[key], nil)
            reference[key] = nil
        case 5:
            table[key]?.append("+")
            reference[key] = reference[key].map { $0 + "+" }
        case 6:
            become(&table[key], (table[key] ?? "new") + "!")
            reference[key] = (reference[key] ?? "new") + "!"
        default:
            let was = table.update(key) { value in
                defer { value += "u" }
                return value
            }
            #expect(was == reference[key])
            reference[key] = reference[key].map { $0 + "u" }
        }
    }

    private struct Refusal: Error {}

    @Test func `a change that throws keeps what it had made of the value`() {
        func fail(_ slot: inout String?) throws {
            slot = slot.map { $0 + " half" } ?? "new half"
            throw Refusal()
        }
        var table = OrderedTable<Int, String>()
        table[1] = "one"
        #expect(throws: Refusal.self) { try fail(&table[1]) }
        #expect(throws: Refusal.self) { try fail(&table[0]) }
        #expect(table.keys == [0, 1])
        #expect(table.values == ["new half", "one half"])
    }

    @Test func `tables with the same content are equal however they came to it`() {
        var one = OrderedTable<Int, Int>()
        var other = OrderedTable<Int, Int>()
        for key in 0..<9 { one[key] = key }
        for key in (0..<9).reversed() { other[key] = key }
        other[99] = 1
        #expect(one != other)
        other[99] = nil
        #expect(one == other)
        #expect(one.hashValue == other.hashValue)
    }
}
