import API

/// The tasks of the cluster in a line or two of the status screen.
struct WorkLines {
    var work: WorkStatus
    var style: Style
    /// Columns of the terminal; nil for as many as it takes.
    var width: Int?
    /// How long ago the figures came.
    var ageMilliseconds: Int64 = 0

    /// From this share of the queue on it is shown how full it is, per mille.
    static let fullPerMille: UInt64 = 500

    /// Nothing where no work was ever submitted.
    func lines() -> [String] {
        let counts = work.states.filter { $0.count > 0 }
        guard !counts.isEmpty || work.accepted > 0 else { return [] }
        var parts: [(text: String, tone: Tone)] = counts.map { count in
            var text = "\(count.count) \(count.state)"
            if let oldest = count.oldestMilliseconds {
                let age = Int64(clamping: oldest) + ageMilliseconds
                text += " (oldest \(DurationText.text(milliseconds: age)))"
            }
            let isWrong = count.state == "failed" || count.state == "unknown"
            return (text, isWrong ? .bad : .plain)
        }
        if parts.isEmpty { parts.append(("none", .faint)) }
        parts.append(("policy \(work.policy)", .faint))
        let head = "  \(style.paint("tasks", .strong))  "
        return PackedLines(style: style, width: width).lines(parts, head: head) + fill()
    }

    private func fill() -> [String] {
        let count = Self.share(work.queued, of: work.queueCountMax)
        // An older controller has no limit for them.
        let live = work.keptBytes == nil ? 0 : Self.share(work.live, of: 2 * work.queueCountMax)
        let kept = work.keptBytes ?? work.payloadBytes
        let bytes = Self.share(kept, of: work.queueBytesMax)
        let most = max(count, live, bytes)
        guard most >= Self.fullPerMille else { return [] }
        let text =
            if count == most {
                "\(work.queued) of \(work.queueCountMax) tasks"
            } else if live == most {
                "\(work.live) of \(2 * work.queueCountMax) live tasks"
            } else {
                "\(SizeText.bytes(kept)) of \(SizeText.bytes(work.queueBytesMax))"
            }
        let share = SizeText.percent(perMille: UInt32(clamping: most))
        let tone: Tone = most >= 900 ? .bad : .warning
        return ["         \(style.paint("the queue is \(share) full: \(text)", tone))"]
    }

    private static func share(_ part: UInt64, of whole: UInt64) -> UInt64 {
        whole == 0 ? 0 : min(part, 1 << 50) * 1_000 / whole
    }
}
