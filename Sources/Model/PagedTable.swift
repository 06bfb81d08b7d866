/// A table by number whose entries lie in pages of 256: for what there may be a million of.
///
/// Look-up and change cost O(log pages). A copy of the table shares its pages, and a change copies
/// one page, not the table. Iterated in the order of the numbers. Numbers that are given out one
/// after the other fill the pages well; pages without an entry are dropped.
public struct PagedTable<Value> {
    @usableFromInline
    struct Page {
        var slots: [Value?] = Array(repeating: nil, count: PagedTable.pageSize)
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
            pages[number / UInt64(Self.pageSize)]?.slots[Int(number % UInt64(Self.pageSize))]
        }
        set {
            let page = number / UInt64(Self.pageSize)
            let slot = Int(number % UInt64(Self.pageSize))
            if let newValue {
                let change = pages.update(page) { page -> Int in
                    let change = page.slots[slot] == nil ? 1 : 0
                    page.slots[slot] = newValue
                    page.count += change
                    return change
                }
                if let change {
                    count += change
                    return
                }
                var fresh = Page()
                fresh.slots[slot] = newValue
                fresh.count = 1
                pages[page] = fresh
                count += 1
            } else {
                let left = pages.update(page) { page -> Int? in
                    guard page.slots[slot] != nil else { return nil }
                    page.slots[slot] = nil
                    page.count -= 1
                    return page.count
                }
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
        let result = pages.update(number / UInt64(Self.pageSize)) { page -> Result? in
            guard page.slots[slot] != nil else { return nil }
            return body(&page.slots[slot]!)
        }
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
            for (slot, value) in pages.values[index].slots.enumerated() {
                guard let value, base + UInt64(slot) >= first else { continue }
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
                guard base + UInt64(slot) <= last, let value = pages.values[index].slots[slot]
                else { continue }
                if !body(base + UInt64(slot), value) { return }
            }
        }
    }
}

extension PagedTable.Page: Sendable where Value: Sendable {}
extension PagedTable.Page: Equatable where Value: Equatable {}
extension PagedTable.Page: Hashable where Value: Hashable {}
extension PagedTable: Sendable where Value: Sendable {}
extension PagedTable: Equatable where Value: Equatable {}
extension PagedTable: Hashable where Value: Hashable {}
