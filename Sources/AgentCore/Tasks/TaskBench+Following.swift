import Model
import Protocol

// What is told of an attempt while it runs, because somebody follows it. Nothing of it is kept: an
// answer to a heartbeat asks, the shell reads once, and what it has read is sent. Who asks too often
// is given one answer at a time, and who asks no more gets nothing more.

extension TaskBench {
    mutating func watched(_ attempts: [WatchedAttempt], _ effects: inout TaskEffects) {
        guard telling?.isSynced == true else { return }
        for watched in attempts.prefix(WorkLimits.watchedMax) {
            let attempt = watched.attempt
            guard let held = live[attempt], held.isLaunched, held.order != nil,
                held.startedAt != nil, held.liveBytesMax > 0, telling?.reading[attempt] == nil
            else { continue }
            telling?.reading[attempt] = true
            effects.commands.append(.readOutput(attempt, from: watched.from))
        }
    }

    /// - Parameter place: of the first byte, within all of the output.
    mutating func wrote(
        _ data: [UInt8],
        at place: UInt64,
        of attempt: TaskAttempt,
        _ effects: inout TaskEffects
    ) {
        // Asked in this session; in a later one it may be a controller that never asks.
        guard telling?.reading[attempt] != nil else { return }
        telling?.reading[attempt] = nil
        // What has ended tells all of its output, with its result.
        guard let held = live[attempt], held.isLaunched else { return }
        var sent = max(0, data.count - held.liveBytesMax)
        while sent < data.count {
            let end = min(sent + WorkLimits.partBytesMax, data.count)
            effects.sends.append(
                .output(
                    attempt,
                    at: place + UInt64(sent),
                    data: Array(data[sent..<end]),
                    isLive: true
                )
            )
            sent = end
        }
    }
}

extension LiveAttempt {
    /// Bytes of its output that are told at once: its handler may tell less than others, or nothing.
    fileprivate var liveBytesMax: Int {
        min(WorkLimits.liveBytesMax, max(0, definition?.outputBytesMax ?? 0))
    }
}
