import Calendar
import Model

/// The next firings, told.
func firings(
    _ expression: String,
    after: String,
    in zone: ZoneRules = .utc,
    count: Int,
    excluding isExcluded: (CivilDate) -> Bool = { _ in false }
) throws -> [String] {
    let expression = try CalendarExpression(parsing: expression)
    var time = wall(after)
    var all: [String] = []
    while all.count < count,
        let next = expression.next(after: time, in: zone, excluding: isExcluded)
    {
        all.append(told(next, in: zone))
        time = next
    }
    return all
}
