import API
import Testing

@testable import Console

@Suite struct `Text for people` {
    @Test(
        arguments: [
            (0, "0.0s"), (420, "0.4s"), (9_999, "9.9s"), (10_000, "10s"), (59_999, "59s"),
            (60_000, "1m"), (200_000, "3m 20s"), (3_600_000, "1h"), (18_120_000, "5h 2m"),
            (86_400_000, "1d"), (273_600_000, "3d 4h"), (-5_000, "-5.0s"),
        ] as [(Int64, String)]
    )
    func `a duration has its unit and at most two of them`(_ sample: (Int64, String)) {
        #expect(DurationText.text(milliseconds: sample.0) == sample.1)
    }

    @Test(
        arguments: [
            ("90s", 90_000), ("10m", 600_000), ("1h30m", 5_400_000), ("250ms", 250),
            ("7d", 604_800_000),
        ] as [(String, UInt64)]
    )
    func `a duration is read with its units`(_ sample: (String, UInt64)) {
        #expect(DurationText.milliseconds(sample.0) == sample.1)
    }

    @Test(arguments: [
        "", "10", "m", "0s", "-5s", "1.5h", "10 m", "1w", "99999999999s", "4000d", "１s",
    ])
    func `what is not a duration is refused`(_ text: String) {
        #expect(DurationText.milliseconds(text) == nil)
    }

    @Test func `a round trip keeps its fraction only while that says something`() {
        #expect(DurationText.text(microseconds: 240) == "0.24ms")
        #expect(DurationText.text(microseconds: 9_050) == "9.05ms")
        #expect(DurationText.text(microseconds: 12_300) == "12ms")
        #expect(DurationText.text(microseconds: 1_500_000) == "1.5s")
    }

    @Test func `a time is short when it is near and dated when it is far`() {
        let now = Samples.now
        #expect(TimeText.short(Samples.ago(60), at: now) == "03:13:15")
        #expect(TimeText.short(Samples.ago(86_400), at: now) == "11-22 03:14")
        #expect(TimeText.short(Samples.ago(400 * 86_400), at: now) == "2025-10-19")
        #expect(TimeText.long(Samples.ago(0)) == "2026-11-23 03:14:15 +00:00")
        #expect(TimeText.short("yesterday", at: now) == "yesterday")
    }

    @Test func `sizes and shares carry their units`() {
        #expect(SizeText.bytes(512) == "512 B")
        #expect(SizeText.bytes(1_536) == "1.5 KiB")
        #expect(SizeText.bytes(40 << 30) == "40.0 GiB")
        #expect(SizeText.bytes(.max) == "15.9 EiB")
        #expect(SizeText.percent(perMille: 42) == "4.2%")
        #expect(SizeText.percent(perMille: 871) == "87%")
        #expect(SizeText.loadAverage(thousandths: 1_042) == "1.04")
    }

    @Test func `width counts columns, not bytes, and passes over terminal sequences`() {
        #expect(DisplayWidth.of("Ölüm") == 4)
        #expect(DisplayWidth.of("日本") == 4)
        #expect(DisplayWidth.of("e\u{301}") == 1)
        #expect(DisplayWidth.of("\u{1B}[1;31mred\u{1B}[0m") == 3)
        #expect(DisplayWidth.cut("日本語", to: 5, mark: "…") == "日本…")
        #expect(DisplayWidth.cut("short", to: 5, mark: "…") == "short")
        #expect(DisplayWidth.wrapped("one two three", to: 7) == ["one two", "three"])
        #expect(DisplayWidth.wrapped("abcdefghij", to: 4) == ["abcd", "efgh", "ij"])
    }

    @Test(
        arguments: [
            ("auto", [:], true, true), ("auto", [:], false, false),
            ("auto", ["NO_COLOR": "1"], true, false), ("auto", ["NO_COLOR": ""], true, true),
            ("auto", ["TERM": "dumb"], true, false), ("auto", ["CLICOLOR_FORCE": "1"], false, true),
            ("auto", ["CLICOLOR_FORCE": "1", "NO_COLOR": "1"], true, false),
            ("never", [:], true, false), ("always", ["NO_COLOR": "1"], false, true),
        ] as [(String, [String: String], Bool, Bool)]
    )
    func `colour follows the terminal, the environment and the flag`(
        _ sample: (String, [String: String], Bool, Bool)
    ) throws {
        let choice = try #require(ColourChoice(rawValue: sample.0))
        let isColoured = choice.isColoured(isTerminal: sample.2) { sample.1[$0] }
        #expect(isColoured == sample.3)
    }

    @Test func `without colour not one escape character is written`() {
        let style = Style(isColoured: false, isUnicode: false)
        for tone in [Tone.plain, .good, .warning, .bad, .strong, .faint, .accent] {
            let text = style.paint("x", tone) + style.badge("x", tone) + style.symbol(tone)
            #expect(text.utf8.allSatisfy { (0x20..<0x7F).contains($0) })
        }
    }

    @Test func `an estimate says what it does not know`() {
        #expect(RunWords.estimate(12_000, unmeasured: nil) == "about 12s")
        #expect(
            RunWords.estimate(12_000, unmeasured: 2) == "at least 12s, 2 steps never measured"
        )
        #expect(
            RunWords.estimate(12_000, unmeasured: 1) == "at least 12s, 1 step never measured"
        )
    }

    @Test func `a report is the audited one only with its digest, from the controller, in a chain`()
    {
        func verification(
            _ audited: String?,
            actor: String = "controller",
            intact: Bool = true
        ) -> ReportVerification {
            ReportVerification(
                digest: "ab",
                entry: audited.map {
                    AuditEntry(
                        sequence: 7,
                        at: "",
                        actor: actor,
                        key: "",
                        source: "",
                        verb: ReportVerification.verb,
                        object: "3",
                        reason: "",
                        parametersDigest: $0,
                        outcome: "done",
                        hash: ""
                    )
                },
                chain: AuditVerification(
                    asOf: "",
                    intact: intact,
                    entries: 9,
                    headHash: "",
                    text: ""
                )
            )
        }
        #expect(verification("ab").isGood)
        #expect(!verification("cd").isGood)
        #expect(!verification(nil).isGood)
        #expect(!verification("ab", actor: "mallory").isGood)
        #expect(!verification("ab", intact: false).isGood)
        let lines = verification("cd").lines(run: 3, style: .plain)
        #expect(lines.first?.contains("is NOT the one that entry 7") == true)
    }
}
