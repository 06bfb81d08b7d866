extension CalendarExpression: CustomStringConvertible {
    /// The expression in its shortest usual form, which reads back as an equal one. Six fields
    /// only when it fires at other seconds than 0; weekdays by name, from Monday to Sunday.
    public var description: String {
        let fields = [
            text(minutes, .minute), hoursText, dayOfMonthText, text(months, .month), weekdayText,
        ]
        let withoutSeconds = fields.joined(separator: " ")
        return seconds == 1 ? withoutSeconds : text(seconds, .second) + " " + withoutSeconds
    }

    /// A step of all hours and the same hours written out mean two things when clocks change, so
    /// they are not written alike.
    private var hoursText: String {
        let hours = hours.bits
        if !followsRealTime { return list(hours) { "\($0)" } }
        return hours.count == 24 ? "*" : "*/\(hours.count > 1 ? hours[1] : 24)"
    }

    private var dayOfMonthText: String {
        guard days.restrictsDayOfMonth else { return "*" }
        var items: [String] = []
        if days.daysOfMonth != 0 {
            let plain = days.daysOfMonth.bits
            items.append(
                plain.count == 31 ? "1-31" : text(days.daysOfMonth, .dayOfMonth)
            )
        }
        items += days.nearestWeekdays.bits.map { $0 == 0 ? "LW" : "\($0)W" }
        items += days.beforeLast.bits.map { $0 == 0 ? "L" : "L-\($0)" }
        return items.joined(separator: ",")
    }

    private var weekdayText: String {
        guard days.restrictsWeekday else { return "*" }
        func name(_ weekday: Int) -> String {
            String(CalendarField.weekday.names[weekday % 7].prefix(3))
        }
        func fromMonday(_ left: Int, _ right: Int) -> Bool { (left + 6) % 7 < (right + 6) % 7 }
        var items: [String] = []
        if days.weekdays != 0 {
            let sundayLast = days.weekdays.bits.map { $0 == 0 ? 7 : $0 }.sorted()
            items.append(list(sundayLast, name))
        }
        items += days.numberedWeekdays.bits.sorted { fromMonday($0 / 5, $1 / 5) }
            .map { "\(name($0 / 5))#\($0 % 5 + 1)" }
        items += days.lastWeekdays.bits.sorted(by: fromMonday).map { name($0) + "L" }
        return items.joined(separator: ",")
    }

    private func text(_ mask: UInt64, _ field: CalendarField) -> String {
        let values = mask.bits
        let lowest = field.range.lowerBound
        if values.count == field.size { return "*" }
        if values.count > 1, values[0] == lowest {
            let step = values[1] - lowest
            if step > 1, values == Array(stride(from: lowest, to: lowest + field.size, by: step)) {
                return "*/\(step)"
            }
        }
        return list(values) { "\($0)" }
    }

    /// Three or more at equal distances are a range with a step; else three or more that follow
    /// one another are a range, and what is left stands alone.
    private func list(_ values: [Int], _ name: (Int) -> String) -> String {
        if values.count > 2, let last = values.last {
            let step = values[1] - values[0]
            if step > 1, values == Array(stride(from: values[0], through: last, by: step)) {
                return "\(name(values[0]))-\(name(last))/\(step)"
            }
        }
        var items: [String] = []
        var start = 0
        while start < values.count {
            var end = start
            while end + 1 < values.count, values[end + 1] == values[end] + 1 { end += 1 }
            if end - start >= 2 {
                items.append("\(name(values[start]))-\(name(values[end]))")
            } else {
                items += values[start...end].map(name)
            }
            start = end + 1
        }
        return items.joined(separator: ",")
    }
}
