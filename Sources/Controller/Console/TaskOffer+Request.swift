import API
import ControllerCore
import Foundation
import Model
import Protocol

// A task as the interface takes it, made into what the machine takes.

extension TaskOffer {
    /// - Throws: what is wrong with which member.
    init(_ request: TaskRequest) throws(API.Failure) {
        guard let type = TaskType(request.type) else {
            throw Self.invalid(
                "type is not a name of a type",
                "1 to 63 of A-Z a-z 0-9 . _ - and begins with a letter, such as PUSH"
            )
        }
        var submission = TaskSubmission(type: type)
        submission.account = try Self.text(
            request.account,
            "account",
            TaskSubmission.accountBytesMax
        )
        submission.attributes = try Self.attributes(request.attributes ?? [:])
        if let priority = request.priority {
            guard priority <= TaskSubmission.priorityMax else {
                throw Self.invalid("priority is not from 0 to \(TaskSubmission.priorityMax)")
            }
            submission.priority = priority
        }
        let exclusive = try Self.text(
            request.exclusiveKey,
            "exclusiveKey",
            ExclusiveKey.bytesMax
        )
        if exclusive.isEmpty {
            guard request.ordered != true else {
                throw Self.invalid("ordered is said of an exclusiveKey, and there is none")
            }
        } else {
            submission.exclusiveKey = ExclusiveKey(
                exclusive,
                isOrdered: request.ordered ?? false
            )
        }
        let key = try Self.text(request.key, "key", TaskSubmission.idempotencyKeyBytesMax)
        submission.idempotencyKey = key.isEmpty ? nil : key
        try Self.addTimes(request, to: &submission)
        do throws(Refused) {
            try TaskLine.check(submission)
        } catch {
            throw API.Failure(error)
        }
        self.init(submission: submission, payload: try Self.payload(request))
    }

    private static func addTimes(
        _ request: TaskRequest,
        to submission: inout TaskSubmission
    ) throws(API.Failure) {
        if let attempts = request.attempts {
            guard WorkLimits.attemptsMax.contains(attempts) else {
                throw invalid("attempts is not from 1 to \(WorkLimits.attemptsMax.upperBound)")
            }
            submission.attemptsMax = attempts
        }
        if let delay = request.retryDelayMilliseconds {
            guard delay <= WireLimits.millisecondsMax else {
                throw invalid(
                    "retryDelayMilliseconds is not from 0 to \(WireLimits.millisecondsMax)"
                )
            }
            submission.retryDelay = .milliseconds(Int64(delay))
        }
        if let text = request.notBefore {
            guard let time = WallTime(iso8601: text) else {
                throw invalid("notBefore is not a time", "such as 2026-11-25T18:00:00Z")
            }
            submission.notBefore = time
        }
    }

    private static func text(
        _ text: String?,
        _ member: String,
        _ limit: Int
    ) throws(API.Failure) -> String {
        guard let text else { return "" }
        guard text.utf8.count <= limit,
            text.unicodeScalars.allSatisfy({ $0.value >= 32 && $0.value != 127 })
        else {
            throw invalid("\(member) is not a text of one line and at most \(limit) bytes")
        }
        return text
    }

    private static func attributes(
        _ values: [String: String]
    ) throws(API.Failure) -> [TaskAttribute] {
        guard values.count <= TaskAttribute.countMax else {
            throw invalid("a task has at most \(TaskAttribute.countMax) attributes")
        }
        var attributes: [TaskAttribute] = []
        for (name, value) in values.sorted(by: { $0.key < $1.key }) {
            guard let attribute = TaskAttribute(name: name, value: value) else {
                throw invalid(
                    "an attribute is not a name and a value of at most "
                        + "\(TaskAttribute.valueBytesMax) bytes",
                    "a name is 1 to 63 of A-Z a-z 0-9 . _ - and begins with a letter"
                )
            }
            attributes.append(attribute)
        }
        return attributes.sorted()
    }

    private static func payload(_ request: TaskRequest) throws(API.Failure) -> [UInt8] {
        guard let encoded = request.payloadBase64 else {
            return Array((request.payload ?? "").utf8)
        }
        guard request.payload == nil else {
            throw invalid("either payload or payloadBase64 is given")
        }
        guard let bytes = Base64.decode(encoded) else {
            throw invalid("payloadBase64 is not base64")
        }
        return bytes
    }

    private static func invalid(_ detail: String, _ mend: String = "") -> API.Failure {
        API.Failure(code: RefusalCode.invalid.rawValue, detail: detail, mend: mend)
    }
}
