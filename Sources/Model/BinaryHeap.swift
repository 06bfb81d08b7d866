/// A priority queue: the least element is taken first. Adding and taking cost O(log n).
public struct BinaryHeap<Element: Comparable> {
    private var elements: [Element] = []

    public init() {}

    public var count: Int { elements.count }
    public var isEmpty: Bool { elements.isEmpty }
    public var first: Element? { elements.first }

    public mutating func insert(_ element: Element) {
        elements.append(element)
        var index = elements.count - 1
        while index > 0 {
            let parent = (index - 1) / 2
            guard elements[index] < elements[parent] else { return }
            elements.swapAt(index, parent)
            index = parent
        }
    }

    public mutating func removeFirst() -> Element? {
        guard let first = elements.first else { return nil }
        let last = elements.removeLast()
        guard !elements.isEmpty else { return first }
        elements[0] = last
        var index = 0
        while true {
            let left = 2 * index + 1
            guard left < elements.count else { return first }
            let right = left + 1
            let child =
                right < elements.count && elements[right] < elements[left] ? right : left
            guard elements[child] < elements[index] else { return first }
            elements.swapAt(index, child)
            index = child
        }
    }

    /// Drops what does not hold any more; for heaps whose elements may be out of date.
    public mutating func removeAll(where isStale: (Element) -> Bool) {
        let kept = elements.filter { !isStale($0) }
        elements = []
        for element in kept { insert(element) }
    }
}

extension BinaryHeap: Sendable where Element: Sendable {}
extension BinaryHeap: Equatable {}
extension BinaryHeap: Hashable where Element: Hashable {}
