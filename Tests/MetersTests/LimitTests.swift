import Meters
import Testing

@Suite struct LimitTests {
    private func lines(_ registry: Registry, of name: String) -> [String] {
        String(decoding: registry.page(.text), as: UTF8.self).split(separator: "\n")
            .filter { $0.hasPrefix(name) }.map(String.init)
    }

    @Test func `what would be one series too many is counted as other, and that is counted`() {
        let registry = Registry(prefix: "test")
        let family = registry.counters("test_a_total", "A.", labels: ["x", "y"], seriesMax: 3)
        for number in 0..<10 { family["\(number)", "y"].add(1) }
        family["1", "y"].add(5)
        #expect(
            lines(registry, of: "test_a_total") == [
                "test_a_total{x=\"0\",y=\"y\"} 1", "test_a_total{x=\"1\",y=\"y\"} 6",
                "test_a_total{x=\"2\",y=\"y\"} 1", "test_a_total{x=\"other\",y=\"other\"} 7",
            ]
        )
        #expect(
            lines(registry, of: "test_metrics") == [
                "test_metrics_folded_total{metric=\"test_a_total\"} 7"
            ]
        )
    }

    @Test func `the last series that has room is itself`() {
        let registry = Registry(prefix: "test")
        let family = registry.counters("test_a_total", "A.", labels: ["x"], seriesMax: 3)
        for number in 0..<3 { family["\(number)"].add(1) }
        #expect(lines(registry, of: "test_a_total").count == 3)
        #expect(
            lines(registry, of: "test_metrics") == [
                "test_metrics_folded_total{metric=\"test_a_total\"} 0"
            ]
        )
    }

    @Test func `one that is named other takes no place from the rest`() {
        let registry = Registry(prefix: "test")
        let family = registry.counters("test_a_total", "A.", labels: ["x"], seriesMax: 1)
        family["other"].add(1)
        family["a"].add(2)
        family["b"].add(4)
        #expect(
            lines(registry, of: "test_a_total") == [
                "test_a_total{x=\"a\"} 2", "test_a_total{x=\"other\"} 5",
            ]
        )
    }

    @Test func `gauges are replaced as a whole, and folded by the rule of their family`() {
        let registry = Registry(prefix: "test")
        let sum = registry.gauges("test_sum", "S.", labels: ["x"], seriesMax: 1)
        let least = registry.gauges("test_least", "L.", labels: ["x"], fold: .least, seriesMax: 1)
        let most = registry.gauges("test_most", "M.", labels: ["x"], fold: .greatest, seriesMax: 1)
        for family in [sum, least, most] {
            family.replace(with: [GaugeSample("gone", value: 1)])
            family.replace(with: [
                GaugeSample("a", value: 1), GaugeSample("b", value: 5), GaugeSample("c", value: 3),
            ])
        }
        #expect(
            lines(registry, of: "test_sum") == [#"test_sum{x="a"} 1"#, #"test_sum{x="other"} 8"#]
        )
        #expect(lines(registry, of: "test_least").last == #"test_least{x="other"} 3"#)
        #expect(lines(registry, of: "test_most").last == #"test_most{x="other"} 5"#)
    }

    @Test
    func `a value on a bound is below it, and one beyond the last is in the sum all the same`() {
        let registry = Registry(prefix: "test")
        let histogram = registry.histogram("test_size", "S.", .init(.ones, [1, 10]))
        for value: Int64 in [-5, 0, 1, 2, 10, 11, 1_000_000] { histogram.observe(value) }
        #expect(
            lines(registry, of: "test_size") == [
                "test_size_bucket{le=\"1.0\"} 3", "test_size_bucket{le=\"10.0\"} 5",
                "test_size_bucket{le=\"+Inf\"} 7", "test_size_sum 1000024", "test_size_count 7",
            ]
        )
    }

    @Test func `many threads count together, and lose nothing`() async {
        let registry = Registry(prefix: "test")
        let family = registry.counters("test_a_total", "A.", labels: ["x"], seriesMax: 8)
        let histogram = registry.histogram("test_b", "B.", .many)
        let gauges = registry.gauges("test_c", "C.", labels: ["x"])
        await withTaskGroup(of: Void.self) { group in
            for thread in 0..<8 {
                group.addTask {
                    for round in 0..<2_000 {
                        family["\((thread + round) % 12)"].add()
                        histogram.observe(Int64(round % 7))
                        gauges.replace(with: [GaugeSample("\(round)", value: round)])
                        if round % 200 == 0 { _ = registry.page(.text) }
                    }
                }
            }
        }
        let total = lines(registry, of: "test_a_total").reduce(0) { sum, line in
            sum + (Int(line.split(separator: " ").last ?? "") ?? 0)
        }
        #expect(total == 16_000)
        #expect(lines(registry, of: "test_a_total").count == 9)
        #expect(histogram.count == 16_000)
        #expect(lines(registry, of: "test_c").count == 1)
    }
}
