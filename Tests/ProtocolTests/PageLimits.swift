import Foundation
import Model
import Protocol

/// The limits of the code as they are to stand on the page.
enum PageLimits {
    static let expected: [String: String] = [
        "versions": range(WireLimits.versions),
        "workVersion": "\(WireLimits.workVersion)",
        "siteVersion": "\(WireLimits.siteVersion)",
        "applicationProtocol": WireLimits.applicationProtocol,
        "portDefault": "\(WireLimits.portDefault)",
        "handshakeTimeout": "\(WireLimits.handshakeTimeout.wholeSeconds) s",
        "firstLineTimeout": "\(WireLimits.firstLineTimeout.wholeSeconds) s",
        "lineTimeout": "\(WireLimits.lineTimeout.wholeSeconds) s",
        "strangerConnectionsMax": "\(WireLimits.strangerConnectionsMax)",
        "strangerConnectionsPerAddressMax": "\(WireLimits.strangerConnectionsPerAddressMax)",
        "memberLinesPerSecond": "\(WireLimits.memberLinesPerSecond)",
        "memberLinesBurst": "\(WireLimits.memberLinesBurst)",
        "strangerLinesPerSecond": "\(WireLimits.strangerLinesPerSecond)",
        "strangerLinesBurst": "\(WireLimits.strangerLinesBurst)",
        "memberOutboxBytesMax": "\(WireLimits.memberOutboxBytesMax)",
        "strangerOutboxBytesMax": "\(WireLimits.strangerOutboxBytesMax)",
        "servicesPerNodeMax": "\(WireLimits.servicesPerNodeMax)",
        "checksPerNodeMax": "\(WireLimits.checksPerNodeMax)",
        "disksPerNodeMax": "\(WireLimits.disksPerNodeMax)",
        "outputBytesMax": "\(WireLimits.outputBytesMax)",
        "factBytesMax": "\(WireLimits.factBytesMax)",
        "serviceOrderMax": "\(WireLimits.serviceOrderMax)",
        "millisecondsMax": "\(WireLimits.millisecondsMax)",
        "sizeMax": "\(WireLimits.sizeMax)",
        "dataSetsPerNodeMax": "\(DataLimits.dataSetsPerNodeMax)",
        "lagMillisecondsMax": "\(DataLimits.lagMillisecondsMax)",
        "payloadBytesMax": "\(WorkLimits.payloadBytesMax)",
        "inlineBytesMax": "\(WorkLimits.inlineBytesMax)",
        "partBytesMax": "\(WorkLimits.partBytesMax)",
        "handlersPerNodeMax": "\(WorkLimits.handlersPerNodeMax)",
        "attemptsPerNodeMax": "\(WorkLimits.attemptsPerNodeMax)",
        "attemptsMax": range(WorkLimits.attemptsMax),
        "submissionsPerNodeMax": "\(WorkLimits.submissionsPerNodeMax)",
        "watchedMax": "\(WorkLimits.watchedMax)",
        "liveBytesMax": "\(WorkLimits.liveBytesMax)",
        "setsMax": "\(ComparingLimits.setsMax)",
        "entriesMax": "\(ComparingLimits.entriesMax)",
        "entriesPerPartMax": "\(ComparingLimits.entriesPerPartMax)",
        "pathBytesMax": "\(ComparingLimits.pathBytesMax)",
        "textBytesMax": "\(ComparingLimits.textBytesMax)",
        "pieceBytesMax": "\(ComparingLimits.pieceBytesMax)",
        "requestsMax": "\(ComparingLimits.requestsMax)",
        "intervalMilliseconds": "\(ComparingLimits.intervalMilliseconds.lowerBound)-"
            + "\(ComparingLimits.intervalMilliseconds.upperBound)",
        "HandlerReport.typesMax": "\(HandlerReport.typesMax)",
        "HandlerReport.slotsMax": "\(HandlerReport.slotsMax)",
        "TaskSubmission.priorityDefault": "\(TaskSubmission.priorityDefault)",
        "TaskSubmission.priorityMax": "\(TaskSubmission.priorityMax)",
        "TaskSubmission.accountBytesMax": "\(TaskSubmission.accountBytesMax)",
        "TaskSubmission.idempotencyKeyBytesMax": "\(TaskSubmission.idempotencyKeyBytesMax)",
        "ExclusiveKey.bytesMax": "\(ExclusiveKey.bytesMax)",
        "TaskAttribute.countMax": "\(TaskAttribute.countMax)",
        "TaskAttribute.valueBytesMax": "\(TaskAttribute.valueBytesMax)",
        "TaskAttribute.textBytesMax": "\(TaskAttribute.textBytesMax)",
    ]

    private static func range(_ range: ClosedRange<UInt16>) -> String {
        range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
    }

    /// The names in the sources: all of the two tables of limits, and those numbers of the types
    /// of tasks that say how much there may be.
    static let inCode: Set<String> = {
        var found = Set<String>()
        for file in [
            "Protocol/Limits.swift", "Protocol/WorkMessage+Fields.swift",
            "Protocol/ComparingMessage.swift",
            "Protocol/DataMessages.swift",
        ] {
            var isTable = false
            for line in textLines(ofRepository: "Sources/" + file) {
                if !line.hasPrefix(" ") {
                    isTable = line.hasPrefix("public enum ") && line.contains("Limits {")
                }
                if isTable, let name = constant(line) { found.insert(name) }
            }
        }
        for file in ["Model/Work.swift", "Protocol/AgentWorkMessage.swift"] {
            var type = ""
            for line in textLines(ofRepository: "Sources/" + file) {
                if line.hasPrefix("public struct ") {
                    type = String(line.dropFirst(14).prefix { $0.isLetter })
                }
                guard let name = constant(line) else { continue }
                if name.hasSuffix("Max") || name.hasSuffix("Default") {
                    found.insert("\(type).\(name)")
                }
            }
        }
        return found
    }()

    private static func constant(_ line: String) -> String? {
        let parts = line.components(separatedBy: "public static let ")
        return parts.count == 2 ? String(parts[1].prefix { $0.isLetter }) : nil
    }
}
