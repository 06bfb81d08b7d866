import ControllerCore
import Model

/// In which JSON a webhook wants its notices.
enum WebhookForm: String, CaseIterable, Hashable, Sendable {
    /// Our own: everything, and stable.
    case muster
    case slack
    /// A Teams workflow that posts an adaptive card.
    case teams
    case discord
    case mattermost
    case googleChat = "google-chat"

    /// What is added to the address.
    var query: String? {
        switch self {
        case .googleChat: "messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD"
        case .muster, .slack, .teams, .discord, .mattermost: nil
        }
    }

    func body(of notice: NoticeMessage, cluster: String) -> String {
        switch self {
        case .muster: Self.muster(notice, cluster).text
        case .slack: Self.slack(notice).text
        case .teams: Self.teams(notice).text
        case .discord: Self.discord(notice).text
        case .mattermost: Self.mattermost(notice).text
        case .googleChat: Self.googleChat(notice).text
        }
    }

    // MARK: Our own

    private static func muster(_ notice: NoticeMessage, _ cluster: String) -> CanonicalJSON {
        .object([
            "version": .number(1),
            "id": .text(notice.id),
            "thread": notice.thread.map(CanonicalJSON.text),
            "cluster": .text(cluster),
            "at": .text(notice.at.iso8601),
            "state": .text(notice.state.rawValue),
            "severity": .text(notice.severity.rawValue),
            "subject": .text(notice.subject),
            "text": .text(notice.text),
            "items": .list(notice.items.map(item)),
            "itemsLeftOut": .number(UInt64(notice.itemsLeftOut)),
        ])
    }

    private static func item(_ item: NoticeItem) -> CanonicalJSON {
        .object([
            "state": .text(item.state.rawValue),
            "kind": .text(item.kind.rawValue),
            "severity": .text(item.severity.rawValue),
            "site": .text(item.site),
            "subject": .text(item.subject),
            "text": .text(item.text),
            "cause": .text(item.cause),
            "consequence": .text(item.consequence),
            "since": .text(item.since.iso8601),
            "endedAt": item.endedAt.map { .text($0.iso8601) },
            "sequence": .number(item.sequence),
            "about": item.about.isEmpty ? nil : .text(item.about),
        ])
    }

    // MARK: Chats. What a text says is shown as it is: no mark-up of it is obeyed, nobody is called.

    /// The subject, and before it the word that says how bad it is, unless it says that itself.
    private static func heading(_ notice: NoticeMessage) -> String {
        let subject = MailHeaders.oneLine(notice.subject)
        let word = notice.word.uppercased()
        return subject.contains(word) ? subject : "[\(word)] \(subject)"
    }

    private static func slack(_ notice: NoticeMessage) -> CanonicalJSON {
        .object([
            // The notification's own text is mark-up.
            "text": .text(escapedSigns(heading(notice))),
            "attachments": .list([
                .object([
                    "color": .text("#\(notice.tone.colour.hex)"),
                    "blocks": .list([
                        .object([
                            "type": .text("section"),
                            "text": .object([
                                "type": .text("plain_text"),
                                "emoji": .flag(false),
                                "text": .text(nonEmpty(notice.text).cut(toBytes: 2_900)),
                            ]),
                        ])
                    ]),
                ])
            ]),
        ])
    }

    private static func teams(_ notice: NoticeMessage) -> CanonicalJSON {
        let colour: String
        switch notice.tone {
        case .good: colour = "good"
        case .plain: colour = "accent"
        case .warning: colour = "warning"
        case .critical: colour = "attention"
        }
        func line(_ text: String, _ more: [String: CanonicalJSON?] = [:]) -> CanonicalJSON {
            // A run of a rich block is text and no mark-up.
            let run: [String: CanonicalJSON?] = [
                "type": .text("TextRun"), "text": .text(text),
            ]
            return .object([
                "type": .text("RichTextBlock"),
                "spacing": .text("none"),
                "inlines": .list([.object(run.merging(more) { $1 })]),
            ])
        }
        let heading = line(
            heading(notice),
            ["weight": .text("bolder"), "size": .text("medium"), "color": .text(colour)]
        )
        let lines = notice.text.cut(toBytes: 8_000).split(separator: "\n").prefix(100)
        return .object([
            "type": .text("message"),
            "attachments": .list([
                .object([
                    "contentType": .text("application/vnd.microsoft.card.adaptive"),
                    "content": .object([
                        "$schema": .text("http://adaptivecards.io/schemas/adaptive-card.json"),
                        "type": .text("AdaptiveCard"),
                        "version": .text("1.4"),
                        "msteams": .object(["width": .text("Full")]),
                        "body": .list([heading] + lines.map { line(String($0)) }),
                    ]),
                ])
            ]),
        ])
    }

    private static func discord(_ notice: NoticeMessage) -> CanonicalJSON {
        .object([
            "allowed_mentions": .object(["parse": .list([])]),
            "embeds": .list([
                .object([
                    "title": .text(heading(notice).cut(toBytes: 250)),
                    "description": .text(withoutMarkdown(notice.text).cut(toBytes: 4_000)),
                    "color": .number(notice.tone.colour.number),
                    "timestamp": .text(notice.at.iso8601),
                ])
            ]),
        ])
    }

    private static func mattermost(_ notice: NoticeMessage) -> CanonicalJSON {
        // A sign without width behind it: `@channel` calls nobody.
        let text = withoutMarkdown(notice.text).replacing("@", with: "@\u{200b}")
        return .object([
            "attachments": .list([
                .object([
                    "fallback": .text(heading(notice)),
                    "color": .text("#\(notice.tone.colour.hex)"),
                    "title": .text(withoutMarkdown(heading(notice))),
                    "text": .text(text.cut(toBytes: 7_000)),
                ])
            ])
        ])
    }

    private static func googleChat(_ notice: NoticeMessage) -> CanonicalJSON {
        let text = escapedSigns(nonEmpty(notice.text).cut(toBytes: 8_000))
        return .object([
            "fallbackText": .text(heading(notice)),
            "thread": .object(["threadKey": .text(notice.thread ?? notice.id)]),
            "cardsV2": .list([
                .object([
                    "cardId": .text("notice"),
                    "card": .object([
                        "header": .object([
                            "title": .text(notice.word.uppercased()),
                            "subtitle": .text(MailHeaders.oneLine(notice.subject)),
                        ]),
                        "sections": .list([
                            .object([
                                "widgets": .list([
                                    .object(["textParagraph": .object(["text": .text(text)])])
                                ])
                            ])
                        ]),
                    ]),
                ])
            ]),
        ])
    }

    private static func nonEmpty(_ text: String) -> String { text.isEmpty ? "-" : text }

    /// The three signs that begin mark-up in Slack and in cards of Google Chat.
    private static func escapedSigns(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
            .replacing(">", with: "&gt;")
    }

    private static func withoutMarkdown(_ text: String) -> String {
        var result = ""
        for character in text {
            if #"\*_~`|>#[]<()"#.contains(character) { result.append("\\") }
            result.append(character)
        }
        return result
    }
}
