import Foundation
import Testing

@testable import Console

@Suite struct `Contexts` {
    @Test(arguments: [
        ("https://a:7443", "https://a:7443"), ("a", "https://a:7443"), ("a:1", "https://a:1"),
        ("https://a/", "https://a:7443"), ("[::1]", "https://[::1]:7443"),
        ("https://[::1]:9", "https://[::1]:9"),
    ])
    func `a server is written whole`(_ sample: (String, String)) throws {
        #expect(try Context.server(sample.0) == sample.1)
    }

    @Test(arguments: ["http://a:1", "", "https://", "a/b", "a b", "https://a\u{1B}[2J", "ftp://x"])
    func `what is no https address is a mistake in use`(_ text: String) {
        #expect { try Context.server(text) } throws: { ($0 as? ConsoleError)?.status == .usage }
    }

    @Test func `the file is read as it was written`() throws {
        var file = ContextFile()
        file.current = "prod"
        file.put(Context(name: "prod", servers: ["https://a:7443"], credential: "/c/prod \"x\""))
        file.put(Context(name: "lab", servers: ["https://b:1", "https://c:1"], credential: "/c"))
        let read = try ContextFile(yaml: file.yaml, path: "contexts.yaml")
        #expect(read == file)
        #expect(read.contexts.map(\.name) == ["lab", "prod"])
        #expect(try ContextFile(yaml: ContextFile().yaml, path: "x") == ContextFile())
        #expect(try ContextFile(yaml: "", path: "x") == ContextFile())
    }

    @Test(arguments: [
        ("contexts: [1", "contexts.yaml:2:1: did not find"),
        ("curent: prod\n", "contexts.yaml:1:1: curent is not a setting; did you mean current?"),
        (
            "contexts:\n  prod:\n    server: x\n",
            "contexts.yaml:3:5: contexts.prod.server is not a setting; did you mean"
        ),
        (
            "contexts:\n  prod:\n    servers: x\n",
            "contexts.yaml:3:14: contexts.prod.servers is not a list"
        ),
        (
            "contexts:\n  prod:\n    servers:\n      - http://a\n",
            "contexts.yaml:4:9: contexts.prod.servers: http://a is not an https address"
        ),
        (
            "contexts:\n  prod: {}\n",
            "contexts.yaml:2:9: contexts.prod needs servers and a credential"
        ),
        ("contexts:\n  a/b: {}\n", "contexts.yaml:2:8: contexts.a/b is not a name"),
    ])
    func `a mistake is named with its place`(_ sample: (String, String)) {
        #expect { try ContextFile(yaml: sample.0, path: "contexts.yaml") } throws: { error in
            (error as? ConsoleError)?.message.hasPrefix(sample.1) == true
        }
    }

    private func store(_ names: [String], current: String?) throws -> ContextStore {
        let folder = NSTemporaryDirectory() + "muster-contexts-\(UUID().uuidString)"
        let store = ContextStore(folder: folder)
        var file = ContextFile()
        for name in names {
            file.put(Context(name: name, servers: ["https://\(name):1"], credential: "/\(name)"))
        }
        file.current = current
        try store.save(file)
        return store
    }

    @Test func `the flag goes before the variable, and that before the current one`() throws {
        let store = try store(["a", "b", "c"], current: "a")
        defer { try? FileManager.default.removeItem(atPath: store.folder) }
        let variable: (String) -> String? = { $0 == "MUSTER_CONTEXT" ? "b" : nil }
        #expect(try store.resolve("c", environment: variable).name == "c")
        #expect(try store.resolve(nil, environment: variable).name == "b")
        #expect(try store.resolve(nil) { _ in nil }.name == "a")
        let mode = try FileManager.default.attributesOfItem(atPath: store.filePath)
        #expect((mode[.posixPermissions] as? NSNumber)?.intValue == 0o600)
    }

    @Test func `the only one needs no choice, several do, and none says what to do`() throws {
        for (names, part) in [
            (["only"], ""), (["x", "y"], "several contexts"), ([], "no cluster"),
        ] {
            let store = try store(names, current: nil)
            defer { try? FileManager.default.removeItem(atPath: store.folder) }
            if part.isEmpty {
                #expect(try store.resolve(nil) { _ in nil }.name == "only")
            } else {
                #expect { try store.resolve(nil) { _ in nil } } throws: { error in
                    let error = error as? ConsoleError
                    return error?.message.contains(part) == true && error?.hint.isEmpty == false
                }
            }
        }
    }

    @Test func `an unknown one is refused with those there are`() throws {
        let store = try store(["a", "b"], current: "a")
        defer { try? FileManager.default.removeItem(atPath: store.folder) }
        #expect { try store.resolve("z") { _ in nil } } throws: { error in
            (error as? ConsoleError)?.hint == "there are: a, b"
        }
    }

    @Test func `the folder is found by the three variables in turn`() throws {
        func folder(_ values: [String: String]) throws -> String {
            try ContextStore.standard { values[$0] }.folder
        }
        let all = ["MUSTER_CONFIG_DIR": "/m", "XDG_CONFIG_HOME": "/x", "HOME": "/h"]
        #expect(try folder(all) == "/m")
        #expect(try folder(["XDG_CONFIG_HOME": "/x", "HOME": "/h"]) == "/x/muster")
        #expect(try folder(["MUSTER_CONFIG_DIR": "", "HOME": "/h"]) == "/h/.config/muster")
        #expect(throws: ConsoleError.self) { try folder([:]) }
    }
}
