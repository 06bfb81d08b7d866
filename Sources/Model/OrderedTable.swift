/// A map that is always iterated in the order of its keys.
///
/// Nothing in a core may iterate a `Dictionary` or a `Set` where the order can reach an effect;
/// this table removes the temptation. Look-up is a binary search, O(log n); inserting a new key
/// moves what stands behind it, O(n), which at the sizes of a cluster's own tables (nodes,
/// services, operators) is cheaper than a tree.
public struct OrderedTable<Key: Comparable & Hashable & Sendable, Value> {
    public private(set) var keys: [Key] = []
    public private(set) var values: [Value] = []

    public init() {}

    public var count: Int { keys.count }
    public var isEmpty: Bool { keys.isEmpty }

    public subscript(key: Key) -> Value? {
        get {
            let index = lowerBound(key)
            return index < keys.count && keys[index] == key ? values[index] : nil
        }
        _modify {
            let index = lowerBound(key)
            if index < keys.count, keys[index] == key {
                var value: Value? = values.remove(at: index)
                defer {
                    if let value {
                        values.insert(value, at: index)
                    } else {
                        keys.remove(at: index)
                    }
                }
                yield &value
            } else {
                var value: Value?
                defer {
                    if let value {
                        keys.insert(key, at: index)
                        values.insert(value, at: index)
                    }
                }
                yield &value
            }
        }
        set {
            let index = lowerBound(key)
            let present = index < keys.count && keys[index] == key
            switch (newValue, present) {
            case (let value?, true): values[index] = value
            case (let value?, false):
                keys.insert(key, at: index)
                values.insert(value, at: index)
            case (nil, true):
                keys.remove(at: index)
                values.remove(at: index)
            case (nil, false): break
            }
        }
    }

    /// Changes the value of a key that is there, in place.
    ///
    /// - Returns: nil when the key is not there.
    @discardableResult
    public mutating func update<Result>(
        _ key: Key,
        _ body: (inout Value) -> Result
    ) -> Result? {
        let index = lowerBound(key)
        guard index < keys.count, keys[index] == key else { return nil }
        return body(&values[index])
    }

    /// Index of the first key that is not less than `key`; `count` when there is none.
    public func lowerBound(_ key: Key) -> Int {
        var low = 0
        var high = keys.count
        while low < high {
            let middle = (low + high) / 2
            if keys[middle] < key { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension OrderedTable: Sequence {
    public func makeIterator() -> Zip2Sequence<[Key], [Value]>.Iterator {
        zip(keys, values).makeIterator()
    }
}

extension OrderedTable: Sendable where Value: Sendable {}
extension OrderedTable: Equatable where Value: Equatable {}
extension OrderedTable: Hashable where Value: Hashable {}
