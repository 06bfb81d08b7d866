import Simulation

/// What was asked for, read by hand: this program must build without a single dependency.
struct Arguments {
    var seeds: Range<UInt64> = 0..<100
    var minutes: UInt64?
    var traces = false
    var isLoud = false
    var hashes = false
    var stopsAtFirst = false
    var without: [Fault] = []

    static let usage = """
        usage: simulate [--seed N [--trace]] [--seeds A..<B] [--count N] [--minutes M]
                        [--without FAULT]... [--first] [--hashes] [--verbose]

          --seed N        one seed
          --trace         print everything that is said and done
          --seeds A..<B   these seeds (0..<100 unless told)
          --count N       seeds from 0, N of them
          --minutes M     new seeds each time, for so long; a failing seed is made smaller by
                          leaving faults out
          --without FAULT leave a fault out of every seed (see --faults)
          --first         stop at the first seed that fails
          --hashes        print the hash of each seed's trace, to compare two processes
          --verbose       name each seed before it runs, to find one that ends the process
          --faults        list the faults there are
        """

    enum Problem: Error {
        case usage(String)
    }

    init(_ words: [String]) throws(Problem) {
        var words = words[...]
        func value(of option: String) throws(Problem) -> String {
            guard let value = words.popFirst() else { throw .usage("\(option) needs a value") }
            return value
        }
        func number(of option: String) throws(Problem) -> UInt64 {
            let text = try value(of: option)
            guard let number = UInt64(text) else { throw .usage("\(text) is not a number") }
            return number
        }
        while let option = words.popFirst() {
            switch option {
            case "--seed":
                let seed = try number(of: option)
                seeds = seed..<seed + 1
            case "--trace": traces = true
            case "--seeds":
                let bounds = try value(of: option).split(separator: "..<").map { UInt64($0) }
                guard bounds.count == 2, let low = bounds[0], let high = bounds[1], low < high
                else { throw .usage("--seeds wants A..<B") }
                seeds = low..<high
            case "--count": seeds = 0..<(try number(of: option))
            case "--minutes": minutes = try number(of: option)
            case "--without":
                let text = try value(of: option)
                guard let fault = Fault(rawValue: text) else {
                    throw .usage("there is no fault \(text); see --faults")
                }
                without.append(fault)
            case "--hashes": hashes = true
            case "--first": stopsAtFirst = true
            case "--verbose": isLoud = true
            case "--faults": throw .usage(Fault.allCases.map(\.rawValue).joined(separator: "\n"))
            default: throw .usage(Self.usage)
            }
        }
    }
}
