/// Sizes and shares as people read them.
enum SizeText {
    /// Binary units: `512 B`, `1.5 GiB`.
    static func bytes(_ value: UInt64) -> String {
        let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        guard value >= 1_024 else { return "\(value) B" }
        var unit = 0
        var size = value
        while size >= 1_024 * 1_024, unit < units.count - 1 {
            size /= 1_024
            unit += 1
        }
        let whole = size / 1_024
        let tenths = size % 1_024 * 10 / 1_024
        return whole >= 100 ? "\(whole) \(units[unit])" : "\(whole).\(tenths) \(units[unit])"
    }

    /// `42%` of 420 per mille; below 10 % with one decimal.
    static func percent(perMille: UInt32) -> String {
        perMille < 100 ? "\(perMille / 10).\(perMille % 10)%" : "\(perMille / 10)%"
    }

    /// `1.42` of 1420 thousandths.
    static func loadAverage(thousandths: UInt32) -> String {
        let hundredths = thousandths % 1_000 / 10
        return "\(thousandths / 1_000).\(hundredths < 10 ? "0" : "")\(hundredths)"
    }
}
