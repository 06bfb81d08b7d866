/// Happenings of the simulated world in the order of their real time; of the same time, in the
/// order in which they were put in.
struct EventQueue {
    struct Entry {
        var time: Int64
        var sequence: UInt64
        var action: (World) -> Void
    }

    private var heap: [Entry] = []
    private var sequence: UInt64 = 0

    var nextTime: Int64? { heap.first?.time }

    mutating func push(at time: Int64, _ action: @escaping (World) -> Void) {
        sequence += 1
        heap.append(Entry(time: time, sequence: sequence, action: action))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard isBefore(heap[child], heap[parent]) else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func pop() -> Entry? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return first }
        heap[0] = last
        var parent = 0
        while true {
            let left = 2 * parent + 1
            guard left < heap.count else { break }
            let right = left + 1
            var least = left
            if right < heap.count, isBefore(heap[right], heap[left]) { least = right }
            guard isBefore(heap[least], heap[parent]) else { break }
            heap.swapAt(least, parent)
            parent = least
        }
        return first
    }

    private func isBefore(_ left: Entry, _ right: Entry) -> Bool {
        (left.time, left.sequence) < (right.time, right.sequence)
    }
}
