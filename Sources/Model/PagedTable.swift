/// A table by number whose entries lie in pages of 256: for what there may be a million of.
///
/// Look-up and change cost O(log pages). A copy of the table shares its pages, and a change copies
/// one page, not the table. Iterated in the order of the numbers. Numbers that are given out one
/// after the other fill the pages well; a page with few entries has no room for others, and one
/// without any is dropped: whoever leaves one entry in each page does not keep all of their room.
public struct PagedTable<Value> {
    @usableFromInline
    struct Page {
        @usableFromInline
        struct Entry {
            var slot: UInt8
            var value: Value
        }

        /// Up to so many entries of a page stand by themselves.
        static var fewMax: Int { 64 }

        /// All entries, in the order of their slots, while there are few of them; else empty.
        var few: [Entry] = []
        /// The entry of each slot, while there are more; else empty.
        var slots: [Value?] = []
        var count = 0
    }

    @usableFromInline
    static var pageSize: Int { 256 }

    private var pages: OrderedTable<UInt64, Page> = OrderedTable()
    public private(set) var count = 0

    public init() {}

    public var isEmpty: Bool { count == 0 }

    public subscript(number: UInt64) -> Value? {
        get {
            pages[number / UInt64(Self.pageSize)]?[Int(number % UInt64(Self.pageSize))]
        }
        set {
            let page = number / UInt64(Self.pageSize)
            let slot = Int(number % UInt64(Self.pageSize))
            if let newValue {
                if let isNew = pages.update(page, { $0.set(slot, newValue) }) {
                    count += isNew ? 1 : 0
                    return
                }
                var fresh = Page()
                _ = fresh.set(slot, newValue)
                pages[page] = fresh
                count += 1
            } else {
                let left = pages.update(page) { $0.remove(slot) ? $0.count : nil }
                guard let left = left ?? nil else { return }
                count -= 1
                if left == 0 { pages[page] = nil }
            }
        }
    }

    /// Changes the value of a number that is there, in place.
    ///
    /// - Returns: nil when the number is not there.
    @discardableResult
    public mutating func update<Result>(
        _ number: UInt64,
        _ body: (inout Value) -> Result
    ) -> Result? {
        let slot = Int(number % UInt64(Self.pageSize))
        let result = pages.update(number / UInt64(Self.pageSize)) { $0.update(slot, body) }
        return result ?? nil
    }

    /// The entries whose number is above `after`, in order, until `body` returns false.
    public func forEach(after: UInt64?, _ body: (UInt64, Value) -> Bool) {
        let first = after.map { $0 == .max ? nil : $0 + 1 } ?? 0
        guard let first else { return }
        let size = UInt64(Self.pageSize)
        let from = pages.lowerBound(first / size)
        for index in from..<pages.count {
            let base = pages.keys[index] * size
            for slot in 0..<Self.pageSize where base + UInt64(slot) >= first {
                guard let value = pages.values[index][slot] else { continue }
                if !body(base + UInt64(slot), value) { return }
            }
        }
    }

    /// The entries whose number is below `before`, the highest first, until `body` returns false.
    public func forEachBackwards(before: UInt64?, _ body: (UInt64, Value) -> Bool) {
        guard before != 0 else { return }
        let last = (before ?? .max) - (before == nil ? 0 : 1)
        let size = UInt64(Self.pageSize)
        let end = pages.lowerBound(last / size)
        let from = end < pages.count && pages.keys[end] == last / size ? end + 1 : end
        for index in (0..<from).reversed() {
            let base = pages.keys[index] * size
            for slot in (0..<Self.pageSize).reversed() {
                guard base + UInt64(slot) <= last, let value = pages.values[index][slot]
                else { continue }
                if !body(base + UInt64(slot), value) { return }
            }
        }
    }
}

extension PagedTable.Page {
    subscript(slot: Int) -> Value? {
        if !slots.isEmpty { return slots[slot] }
        let index = place(of: slot)
        return holds(slot, at: index) ? few[index].value : nil
    }

    /// - Returns: whether the slot was empty.
    mutating func set(_ slot: Int, _ value: Value) -> Bool {
        if !slots.isEmpty {
            let isNew = slots[slot] == nil
            slots[slot] = value
            count += isNew ? 1 : 0
            return isNew
        }
        let index = place(of: slot)
        guard !holds(slot, at: index) else {
            few[index].value = value
            return false
        }
        few.insert(Entry(slot: UInt8(slot), value: value), at: index)
        count += 1
        if count > Self.fewMax { spread() }
        return true
    }

    /// - Returns: whether there was something.
    mutating func remove(_ slot: Int) -> Bool {
        if !slots.isEmpty {
            guard slots[slot] != nil else { return false }
            slots[slot] = nil
            count -= 1
            if count <= Self.fewMax { gather() }
            return true
        }
        let index = place(of: slot)
        guard holds(slot, at: index) else { return false }
        few.remove(at: index)
        count -= 1
        return true
    }

    mutating func update<Result>(_ slot: Int, _ body: (inout Value) -> Result) -> Result? {
        if !slots.isEmpty {
            guard slots[slot] != nil else { return nil }
            return body(&slots[slot]!)
        }
        let index = place(of: slot)
        return holds(slot, at: index) ? body(&few[index].value) : nil
    }

    private mutating func spread() {
        slots = Array(repeating: nil, count: PagedTable.pageSize)
        for entry in few { slots[Int(entry.slot)] = entry.value }
        few = []
    }

    private mutating func gather() {
        few = slots.indices.compactMap { slot in
            slots[slot].map { Entry(slot: UInt8(slot), value: $0) }
        }
        slots = []
    }

    /// Where the slot stands among the few, or would.
    private func place(of slot: Int) -> Int {
        var low = 0
        var high = few.count
        while low < high {
            let middle = (low + high) / 2
            if few[middle].slot < slot { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private func holds(_ slot: Int, at index: Int) -> Bool {
        index < few.count && few[index].slot == slot
    }
}

extension PagedTable.Page.Entry: Sendable where Value: Sendable {}
extension PagedTable.Page.Entry: Equatable where Value: Equatable {}
extension PagedTable.Page.Entry: Hashable where Value: Hashable {}
extension PagedTable.Page: Sendable where Value: Sendable {}
extension PagedTable.Page: Equatable where Value: Equatable {}
extension PagedTable.Page: Hashable where Value: Hashable {}
extension PagedTable: Sendable where Value: Sendable {}
extension PagedTable: Equatable where Value: Equatable {}
extension PagedTable: Hashable where Value: Hashable {}
