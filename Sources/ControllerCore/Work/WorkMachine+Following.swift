public import Model
import Protocol

// Who follows a task sees what its attempt writes while it runs. That is asked of the node with the
// answers to its heartbeats, as long as somebody follows and no longer, and kept in memory alone: what
// counts is the output that comes with the result.

/// A task that somebody follows.
struct FollowedTask: Hashable, Sendable {
    /// Whoever follows says so again before then.
    var until: Instant
    var live = LiveOutput()
}

/// What a node has told of the output of an attempt that runs: its last bytes.
public struct LiveOutput: Hashable, Sendable {
    /// Kept of one attempt.
    public static let bytesMax = WorkLimits.liveBytesMax

    /// Whose it is; 0 when nothing was told.
    public internal(set) var attempt: UInt16 = 0
    /// Where the first kept byte stands in the whole output.
    public internal(set) var offset: UInt64 = 0
    public internal(set) var bytes: [UInt8] = []

    /// Where the next byte will stand.
    public var end: UInt64 { offset + UInt64(bytes.count) }

    /// Pieces may come twice, since they are asked for by where they begin. What lies between two of
    /// them was not kept by the node, and then nothing before it is kept here.
    mutating func append(_ data: [UInt8], at place: UInt64, of attempt: UInt16) {
        if self.attempt != attempt || place > end {
            self.attempt = attempt
            offset = place
            bytes = []
        }
        let known = end - place
        guard known < data.count else { return }
        bytes += data.dropFirst(Int(known))
        let excess = bytes.count - Self.bytesMax
        if excess > 0 {
            bytes.removeFirst(excess)
            offset += UInt64(excess)
        }
    }
}

/// A live task, and what is known of the output of its attempt.
public struct FollowedView: Hashable, Sendable {
    public var task: TaskView
    public var live: LiveOutput
}

extension WorkMachine {
    /// Somebody follows the task: its output is asked for from now on, for a while. Of more tasks than
    /// ``Limits/followedMax`` the output comes when their attempts end.
    mutating func follow(_ id: TaskID) {
        guard isUnderWay(id) else { return }
        guard followed[id] != nil || followed.count < Limits.followedMax else { return }
        var task = followed[id] ?? FollowedTask(until: now.instant)
        task.until = now.instant + Limits.followedFor
        followed[id] = task
    }

    public func following(_ id: TaskID) -> FollowedView? {
        view(of: id).map { FollowedView(task: $0, live: followed[id]?.live ?? LiveOutput()) }
    }

    /// Whether a node is asked for the output of the task's attempt.
    public func isFollowed(_ id: TaskID) -> Bool { followed[id] != nil }

    /// Attempts of the node that are followed: some of them, and others in the next turn, if there are
    /// more than one answer may name.
    func watched(on node: NodeID, turn: UInt64) -> [WatchedAttempt] {
        guard !followed.isEmpty, let place = places[node] else { return [] }
        let all = followed.compactMap { id, task -> WatchedAttempt? in
            guard let assignment = assignments[id.number], assignment.worker == place,
                assignment.isStarted
            else { return nil }
            let isSame = task.live.attempt == assignment.attempt
            return WatchedAttempt(
                TaskAttempt(task: id, attempt: assignment.attempt),
                from: min(isSame ? task.live.end : 0, WireLimits.sizeMax)
            )
        }
        let most = WorkLimits.watchedMax
        guard all.count > most else { return all }
        let first = Int(turn % UInt64(all.count)) * most
        return (0..<most).map { all[(first + $0) % all.count] }
    }

    /// What a running attempt has written so far, in answer to ``watched(on:turn:)``.
    mutating func heardLive(
        _ data: [UInt8],
        at place: UInt64,
        of attempt: TaskAttempt,
        on node: NodeID
    ) {
        guard let worker = places[node], let assignment = assignments[attempt.task.number],
            assignment.worker == worker, assignment.attempt == attempt.attempt
        else { return }
        followed.update(attempt.task) {
            $0.live.append(data, at: place, of: attempt.attempt)
        }
    }

    mutating func settleFollowed() {
        guard !followed.isEmpty else { return }
        for (id, task) in followed where task.until <= now.instant { followed[id] = nil }
    }
}
