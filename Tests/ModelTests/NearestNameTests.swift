import Model
import Testing

struct NearestNameTests {
    @Test(arguments: [
        ("intervall", "interval"), ("intervla", "interval"), ("inerval", "interval"),
        ("disk", "disks"), ("sidks", nil), ("zebra", nil), ("x", nil), ("", nil),
    ])
    func `a slip of the finger is recognised`(text: String, expected: String?) {
        #expect(NearestName.to(text, among: ["interval", "disks"]) == expected)
    }

    @Test func `of those that are as near, the one that begins the same for longest is meant`() {
        let kinds = ["node.online", "node.offline", "node.overloaded"]
        #expect(NearestName.to("node.ofline", among: kinds) == "node.offline")
        #expect(NearestName.to("node.onlin", among: kinds) == "node.online")
        #expect(NearestName.to("node.ofline", among: kinds.reversed()) == "node.offline")
        // Else the first.
        #expect(NearestName.to("ab", among: ["abc", "abd"]) == "abc")
    }

    @Test(arguments: [
        ("", "", 0), ("", "abc", 3), ("abc", "", 3), ("abc", "acb", 1), ("abc", "abcd", 1),
        ("node", "nod", 1), ("kitten", "sitting", 3), ("ca", "abc", 3),
    ])
    func `a distance counts edits and swaps of neighbours`(
        left: String,
        right: String,
        distance: Int
    ) {
        #expect(NearestName.distance(left, right) == distance)
        #expect(NearestName.distance(right, left) == distance)
    }

    @Test func `one is one and all else is many`() {
        #expect(counted(0, "task") == "0 tasks")
        #expect(counted(1, "task") == "1 task")
        #expect(counted(2 as UInt64, "task") == "2 tasks")
        #expect(counted(2, "entry", "entries") == "2 entries")
    }
}
