import Foundation
import Glibc
import Host

/// The mail server of `deploy/demo`, with STARTTLS and a login, for a controller under test.
struct MailPeer {
    static let program =
        (((#filePath as NSString).deletingLastPathComponent as NSString)
        .deletingLastPathComponent as NSString).deletingLastPathComponent
        .replacingOccurrences(of: "/Tests", with: "") + "/deploy/demo/smtp-peer.py"

    private let folder: TestFolder
    let port: Int
    let process: Program

    /// Starts it and waits until it listens.
    ///
    /// - Parameter port: 0 for any; that of one which was stopped, to be back.
    init(in folder: TestFolder, port: Int = 0) async throws {
        self.folder = folder
        try folder.write("mail-password", "geheim\n")
        try? FileManager.default.removeItem(atPath: folder["mail/port"])
        process = try Program(
            PythonAgent.python,
            [
                Self.program, "--folder", folder["mail"], "--port", "\(port)", "--user", "muster",
                "--password-file", folder["mail-password"],
            ],
            in: folder,
            log: "smtp-peer"
        )
        self.port = try await awaited("the port of the mail server") {
            Int(folder.text("mail/port").trimmingCharacters(in: .whitespacesAndNewlines))
        }
    }

    /// Lines for `controller.yaml`. Certificate and password are there when this runs.
    var configuration: String {
        """
        notify:
          mail:
            server: localhost:\(port)
            ca-file: \(folder["mail/certificate.pem"])
            user: muster
            password-file: \(folder["mail-password"])
            from: Muster <muster@example.org>

        """
    }

    /// See the head of the program.
    func behave(_ mode: String) throws { try folder.write("mail/mode", mode) }

    struct Mail: Decodable {
        var from: String
        var to: [String]
        var tls: Bool
        var user: String?
        var message: String
    }

    var mails: [Mail] {
        folder.text("mail/mails.jsonl").split(separator: "\n").compactMap {
            try? JSONDecoder().decode(Mail.self, from: Data($0.utf8))
        }
    }
}
