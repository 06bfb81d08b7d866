import AgentCore
import Model
import Protocol
import Testing

/// What an agent's machine looks at and tells of compared sets.
struct ComparingTests {
    static let digest = String(repeating: "ab", count: 32)

    static func set(
        _ name: ComparedSetName,
        interval: Duration = .seconds(60),
        isShown: Bool = false
    ) -> ComparedSet {
        ComparedSet(
            name: name,
            kind: .files,
            interval: interval,
            isShown: isShown,
            isRequired: true,
            definition: "0123456789abcdef"
        )
    }

    static let result = LookResult(digest: digest, entries: 3, bytes: 300)

    /// In a session of version 3, unless it is said otherwise.
    static func scene(_ sets: [ComparedSet], version: UInt16 = 3) -> (Scene, AgentEffects) {
        var scene = Scene(sets: sets)
        scene.version = version
        let effects = scene.join()
        return (scene, effects)
    }

    static func scene(_ sets: [ComparedSet]) -> Scene { scene(sets, version: 3).0 }

    @Test func `sets are looked at one after the other, and again after their interval`() {
        var scene = Self.scene([Self.set("a"), Self.set("b")])
        var order: [ComparedSetName] = []
        for _ in 0..<4 {
            guard let asked = scene.nextLook() else { break }
            order.append(asked.set.name)
            scene.live(.seconds(1))
            #expect(scene.looks.isEmpty, "two at a time")
            scene.run(.looked(asked.set.name, number: asked.number, Self.result))
        }
        #expect(order.count == 4)
        #expect(Set(order[..<2]) == ["a", "b"] && Array(order[2...]) == Array(order[..<2]))
    }

    @Test func `every set is told before SYNCED, and again after each look`() throws {
        var (scene, first) = Self.scene([Self.set("a")], version: 3)
        let before = first.sends.prefix { !$0.isSynced }
        #expect(before.compactMap(\.compared).map(\.age) == [nil])
        let look = scene.nextLook()
        let asked = try #require(look)
        let told = scene.run(.looked("a", number: asked.number, Self.result)).sends
        let report = try #require(told.compactMap(\.compared).first)
        #expect(report.digest == Self.digest && report.entries == 3 && report.bytes == 300)
        #expect(report.age == .zero && report.isRequired && !report.isShown)
        let lookedAt = scene.now
        scene.live(.seconds(7))
        scene.run(.disconnected(link: scene.link, reason: "reset"))
        let again = scene.rejoin().sends.compactMap(\.compared)
        #expect(again.map(\.digest) == [Self.digest])
        #expect(again.first?.age == scene.now - lookedAt)
        // An answer to an older look says nothing.
        #expect(scene.run(.looked("a", number: asked.number, Self.result)).sends.isEmpty)
    }

    @Test func `a controller of version 2 hears nothing of sets`() throws {
        var (scene, first) = Self.scene([Self.set("a")], version: 2)
        let look = scene.nextLook()
        let asked = try #require(look)
        let told = first.sends + scene.run(.looked("a", number: asked.number, Self.result)).sends
        #expect(told.allSatisfy { $0.compared == nil })
        let list = ListRequest(request: 1, token: scene.token, set: "a", digest: "", from: 0)
        let effects = scene.receive(.comparing(.list(list)))
        #expect(effects.comparing.isEmpty && effects.sends.isEmpty)
    }

    @Test func `a list is told entry by entry, and one that is old is refused`() {
        var scene = Self.scene([Self.set("a")])
        let list = ListRequest(
            request: 5,
            token: scene.token,
            set: "a",
            digest: Self.digest,
            from: 0
        )
        let asked = scene.run(.received(link: scene.link, .comparing(.list(list)))).comparing
        let ticket = ComparingTicket(link: scene.link, request: 5)
        #expect(asked == [.list(ticket, "a", digest: Self.digest, from: 0)])
        let entry = FileEntry(path: "etc/a", kind: .file)
        let told = scene.run(.listed(ticket, .entries([entry], next: 1))).sends
        #expect(
            told == [
                .comparing(.entry(request: 5, entry)), .comparing(.listed(request: 5, next: 1)),
            ]
        )
        // Answered once.
        #expect(scene.run(.listed(ticket, .stale)).sends.isEmpty)
        scene.run(.received(link: scene.link, .comparing(.list(list))))
        #expect(scene.run(.listed(ticket, .stale)).sends.first?.refusal == .notNow)
    }

    @Test func `a set of another name, an old token and too many requests are refused`() {
        var scene = Self.scene([Self.set("a")])
        func list(_ request: UInt64, _ set: ComparedSetName, _ token: FencingToken) -> AgentEvent {
            let list = ListRequest(
                request: request,
                token: token,
                set: set,
                digest: Self.digest,
                from: 0
            )
            return .received(link: scene.link, .comparing(.list(list)))
        }
        #expect(scene.run(list(1, "b", scene.token)).sends.first?.refusal == .unknownName)
        var old = scene.token
        old.session -= 1
        #expect(scene.run(list(2, "a", old)).sends.first?.refusal == .staleToken)
        for request in 3..<(3 + UInt64(ComparingLimits.requestsMax)) {
            #expect(scene.run(list(request, "a", scene.token)).sends.isEmpty)
        }
        #expect(scene.run(list(99, "a", scene.token)).sends.first?.refusal == .busy)
    }

    @Test func `nothing of a set is shown unless its section says so`() {
        var scene = Self.scene([Self.set("a"), Self.set("b", isShown: true)])
        func show(_ set: ComparedSetName) -> AgentEvent {
            let show = ShowRequest(request: 9, token: scene.token, set: set, path: "etc/a")
            return .received(link: scene.link, .comparing(.show(show)))
        }
        let refused = scene.run(show("a"))
        #expect(refused.comparing.isEmpty && refused.sends.first?.refusal == .forbidden)
        let ticket = ComparingTicket(link: scene.link, request: 9)
        #expect(
            scene.run(show("b")).comparing
                == [.show(ticket, Self.set("b", isShown: true), path: "etc/a")]
        )
        let text = [UInt8](repeating: 65, count: ComparingLimits.pieceBytesMax + 1)
        let told = scene.run(.shown(ticket, .text(text))).sends
        #expect(told.count == 2)
        let total = UInt32(text.count)
        let last = AgentMessage.comparing(
            .text(request: 9, at: total - 1, total: total, data: [65])
        )
        #expect(told.last == last)
        // An empty one is told, too.
        scene.run(show("b"))
        let empty = AgentMessage.comparing(.text(request: 9, at: 0, total: 0, data: []))
        #expect(scene.run(.shown(ticket, .text([]))).sends == [empty])
    }

    @Test func `answers to a session that is gone are passed over`() {
        var scene = Self.scene([Self.set("b", isShown: true)])
        let show = ShowRequest(request: 9, token: scene.token, set: "b", path: "etc/a")
        scene.run(.received(link: scene.link, .comparing(.show(show))))
        let ticket = ComparingTicket(link: scene.link, request: 9)
        scene.run(.disconnected(link: scene.link, reason: "reset"))
        scene.rejoin()
        #expect(scene.run(.shown(ticket, .text([65]))).sends.isEmpty)
    }

    @Test func `a set that is defined anew is looked at anew, and one that is gone is told`() {
        var scene = Self.scene([Self.set("a"), Self.set("b")])
        let changed = Self.set("a", interval: .seconds(90))
        let effects = scene.run(.reconfigured([], sharedPaths: [], sets: [changed]))
        #expect(effects.sends.contains(.comparing(.uncompared("b"))))
        #expect(effects.comparing.contains(.forget("b")))
        #expect(effects.sends.compactMap(\.compared).map(\.name) == ["a"])
    }
}

extension Scene {
    /// The next look that is asked for, within two minutes.
    mutating func nextLook() -> (set: ComparedSet, number: UInt64)? {
        for _ in 0..<120 where looks.isEmpty { live(.seconds(1)) }
        return looks.isEmpty ? nil : looks.removeFirst()
    }
}

extension AgentMessage {
    var compared: SetReport? {
        if case .comparing(.compared(let report)) = self { report } else { nil }
    }

    var isSynced: Bool { if case .synced = self { true } else { false } }

    var refusal: RefusalCode? {
        if case .comparing(.unlisted(_, let code, _)) = self { code } else { nil }
    }
}
