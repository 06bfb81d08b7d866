import Model

/// Tasks that wait, in the order of their numbers: the order in which they were accepted.
///
/// Adding at the end and taking from the front cost O(1), taking from near the front the distance
/// to it; a task that comes back (a retry) is older than most and lands near the front.
struct TaskQueue: Hashable, Sendable {
    private var numbers: [UInt64] = []
    private var head = 0

    var count: Int { numbers.count - head }
    var isEmpty: Bool { head == numbers.count }
    var first: TaskID? { isEmpty ? nil : TaskID(numbers[head]) }

    /// The first `count` of them.
    func prefix(_ count: Int) -> [TaskID] { numbers[head...].prefix(count).map { TaskID($0) } }

    func contains(_ id: TaskID) -> Bool {
        let index = lowerBound(id.number)
        return index < numbers.count && numbers[index] == id.number
    }

    mutating func insert(_ id: TaskID) {
        let number = id.number
        if let last = numbers.last, last > number, !isEmpty {
            let index = lowerBound(number)
            precondition(numbers[index] != number, "task \(id) waits twice")
            if index == head, head > 0 {
                head -= 1
                numbers[head] = number
            } else {
                numbers.insert(number, at: index)
            }
        } else {
            numbers.append(number)
        }
    }

    mutating func removeFirst() -> TaskID? {
        guard let first else { return nil }
        head += 1
        if isEmpty {
            numbers.removeAll()
            head = 0
        } else if head > 64, head * 2 > numbers.count {
            numbers.removeFirst(head)
            head = 0
        }
        return first
    }

    /// - Returns: whether it was there.
    @discardableResult
    mutating func remove(_ id: TaskID) -> Bool {
        let index = lowerBound(id.number)
        guard index < numbers.count, numbers[index] == id.number else { return false }
        if index == head {
            _ = removeFirst()
        } else if index - head < numbers.count - index {
            // Those before it move up: the front is nearer than the end.
            for place in stride(from: index, to: head, by: -1) {
                numbers[place] = numbers[place - 1]
            }
            head += 1
        } else {
            numbers.remove(at: index)
        }
        return true
    }

    private func lowerBound(_ number: UInt64) -> Int {
        var low = head
        var high = numbers.count
        while low < high {
            let middle = (low + high) / 2
            if numbers[middle] < number { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
