import ControllerCore
import Logging
import Model

/// What of deliveries is worth a line of the controller's log: that one fails, and in the end does not
/// arrive; not each of a thousand attempts at a server that is down.
///
/// Nothing of a message is told, and of a place only what ``Destination/text`` says: the address of a
/// webhook may be a secret.
struct DeliveryLog {
    /// Of one place, failed attempts are told once in so long.
    static let quietAfter: Duration = .seconds(60)
    /// Places that are kept in mind; with more, all are told anew.
    static let placesMax = 1_000

    enum Told: Hashable, Sendable {
        /// It is tried again. So many other failed attempts at this place were left out before.
        case failed(leftOut: Int)
        case refused
        case givenUp
        /// After attempts that had failed.
        case delivered
    }

    private struct Place {
        var toldAt: Instant
        var leftOut = 0
    }

    /// The last failed attempt of each delivery that waits.
    private var failed: [UInt64: UInt32] = [:]
    /// Those that have failed lately. Only looked up.
    private var places: [String: Place] = [:]

    /// - Parameter record: as it was written.
    /// - Returns: nil when nothing is to be told.
    mutating func told(_ record: DeliveryRecord, at now: Instant) -> Told? {
        switch record.state {
        case .pending:
            // Written as well when an attempt begins, and when an operator hurries it.
            guard record.nextAt != nil, record.attempts > 0, !record.lastError.isEmpty,
                failed[record.number] != record.attempts
            else { return nil }
            failed[record.number] = record.attempts
            return failure(record, at: now)
        case .delivered:
            let hadFailed = failed.removeValue(forKey: record.number) != nil
            places[record.destination.text] = nil
            return hadFailed ? .delivered : nil
        case .refused:
            failed[record.number] = nil
            return .refused
        case .givenUp:
            failed[record.number] = nil
            return .givenUp
        case .dropped:
            failed[record.number] = nil
            return nil
        }
    }

    /// The 1st, 2nd, 4th, 8th … attempt of one, and not of every one.
    private mutating func failure(_ record: DeliveryRecord, at now: Instant) -> Told? {
        let name = record.destination.text
        let place = places[name]
        let isQuiet = place.map { now - $0.toldAt < Self.quietAfter } ?? false
        guard !isQuiet, record.attempts.nonzeroBitCount == 1 else {
            places[name]?.leftOut += 1
            return nil
        }
        if place == nil, places.count >= Self.placesMax { places.removeAll() }
        places[name] = Place(toldAt: now)
        return .failed(leftOut: place?.leftOut ?? 0)
    }

    mutating func note(_ record: DeliveryRecord, at now: Instant, to log: Logger) {
        guard let told = told(record, at: now) else { return }
        var metadata: Logger.Metadata = [
            "delivery": "\(record.number)", "receiver": "\(record.receiver)",
            "to": "\(record.destination.text)", "attempt": "\(record.attempts)",
        ]
        if !record.lastError.isEmpty { metadata["error"] = "\(record.lastError)" }
        if let next = record.nextAt { metadata["next"] = "\(next.iso8601)" }
        switch told {
        case .failed(let leftOut):
            if leftOut > 0 { metadata["left-out"] = "\(leftOut)" }
            log.warning("A notice was not taken and is tried again", metadata: metadata)
        case .refused: log.warning("A notice was refused for good", metadata: metadata)
        case .givenUp: log.warning("A notice was given up", metadata: metadata)
        case .delivered: log.notice("A notice that had failed is delivered", metadata: metadata)
        }
    }
}
