/// A set of dates, such as the days on which nothing shall fire: single dates and ranges, and
/// dates that come back every year.
public struct DateSet: Hashable, Sendable {
    /// Day numbers, both ends included.
    struct Days: Hashable, Sendable {
        var first: Int32
        var last: Int32
    }

    /// The longest text that is read, in bytes.
    public static let bytesMax = 256 << 10
    /// The most ranges a set can have after those that touch have been joined; a date alone is a
    /// range of one.
    public static let rangesMax = 4_096

    /// In the order of time; none touches the next, so that equal sets have equal ranges.
    private(set) var ranges: [Days] = []
    /// For each month, in the order of the year, bits 1 to 31.
    private(set) var yearly: [UInt32] = Array(repeating: 0, count: 12)

    /// The empty set.
    public init() {}

    /// Whether there is no date in the set.
    public var isEmpty: Bool { ranges.isEmpty && yearly.allSatisfy { $0 == 0 } }

    /// Whether the date is in the set: O(log n).
    public func contains(_ date: CivilDate) -> Bool {
        if yearly[date.month - 1] & 1 << UInt32(date.day) != 0 { return true }
        let day = Int32(date.dayNumber)
        let index = firstRange(endingAtOrAfter: day)
        return index < ranges.count && ranges[index].first <= day
    }

    /// Adds one date.
    ///
    /// - Returns: false when the set is full (``rangesMax``) and the date is not in it.
    @discardableResult
    public mutating func insert(_ date: CivilDate) -> Bool {
        insert(from: date, through: date)
    }

    /// Adds every date from the one to the other, both included.
    ///
    /// - Precondition: `first` is not after `last`.
    /// - Returns: false when the set is full (``rangesMax``); it is then unchanged.
    @discardableResult
    public mutating func insert(from first: CivilDate, through last: CivilDate) -> Bool {
        precondition(first <= last, "a range that ends before it begins")
        var days = Days(first: Int32(first.dayNumber), last: Int32(last.dayNumber))
        let start = firstRange(endingAtOrAfter: days.first - 1)
        var end = start
        while end < ranges.count, ranges[end].first <= days.last + 1 {
            days.first = min(days.first, ranges[end].first)
            days.last = max(days.last, ranges[end].last)
            end += 1
        }
        guard end > start || ranges.count < Self.rangesMax else { return false }
        ranges.replaceSubrange(start..<end, with: CollectionOfOne(days))
        return true
    }

    /// Adds a date of every year; 29 February of every year that has it.
    ///
    /// - Returns: false when no year has such a date.
    @discardableResult
    public mutating func insertYearly(month: Int, day: Int) -> Bool {
        guard CivilDate(year: 2_000, month: month, day: day) != nil else { return false }
        yearly[month - 1] |= 1 << UInt32(day)
        return true
    }

    /// The first range that does not end before the day.
    private func firstRange(endingAtOrAfter day: Int32) -> Int {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].last < day { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
