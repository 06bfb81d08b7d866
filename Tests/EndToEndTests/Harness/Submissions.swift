import API
import Foundation
import Host
import Model

/// Changes, given one after the other by one operator who writes down every acknowledgement.
///
/// One `curl` gives them all over one connection, so that the controller can be killed in the
/// middle of whatever it is doing.
final class Submissions {
    struct Change {
        var name: String
        var route: Route
        var body: String
    }

    let program: Program

    init(_ changes: [Change], by person: Operator, log: String) throws {
        let folder = person.folder
        let transfers = changes.map { change in
            """
            url = "\(person.server)\(change.route.path())"
            request = "\(change.route.method.rawValue)"
            header = "content-type: application/json"
            data-raw = "\(change.body.replacingOccurrences(of: "\"", with: "\\\""))"
            cacert = "\(person.root)"
            cert = "\(person.credential ?? "")"
            key = "\(person.credential ?? "")"
            output = "\(folder["\(log)-\(change.name)"])"
            write-out = "\(change.name) %{http_code}\\n"
            max-time = 20
            silent
            """
        }
        try folder.write("\(log).curl", transfers.joined(separator: "\nnext\n") + "\n")
        program = try Program(
            "/usr/bin/curl",
            ["-K", folder["\(log).curl"]],
            in: folder,
            log: log
        )
    }

    /// Names of the changes that were answered with success.
    var acknowledged: [String] {
        program.output.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard words.count == 2, words[1].hasPrefix("2") else { return nil }
            return String(words[0])
        }
    }

    /// Names and answers of those that were refused by an answer.
    var refused: [String] {
        program.output.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard words.count == 2, !words[1].hasPrefix("2"), words[1] != "000" else { return nil }
            return String(line)
        }
    }
}
