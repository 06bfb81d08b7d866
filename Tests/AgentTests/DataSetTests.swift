import AgentCore
import Foundation
import Model
import Testing

@testable import Agent

/// The files of `data.d`, and the programs they name.
@Suite struct DataSetTests {
    private func read(_ text: String) -> (DataSetDefinition?, [String]) {
        let problems = ConfigurationProblems(file: "orders.conf")
        let definition = DataSetDefinition(
            Array(text.utf8),
            name: "orders",
            problems: problems,
            accounts: { $0 == "postgres" ? 70 : nil }
        )
        return (definition, problems.sorted.map(\.description))
    }

    @Test func `every key is read`() {
        let (found, problems) = read(
            """
            [data orders]
            write = /usr/bin/psql -c "select 1"
            read = /usr/bin/psql -c "select 2"
            lag = /usr/bin/psql -c "select 3"
            interval = 2s
            lag-interval = 10s
            timeout = 1500ms
            user = postgres
            directory = /var/lib
            environment = PGHOST=/run
            """
        )
        #expect(problems.isEmpty)
        var expected = DataSetDefinition(name: "orders")
        expected.write = ["/usr/bin/psql", "-c", "select 1"]
        expected.read = ["/usr/bin/psql", "-c", "select 2"]
        expected.lag = ["/usr/bin/psql", "-c", "select 3"]
        expected.interval = .seconds(2)
        expected.lagInterval = .seconds(10)
        expected.timeout = .milliseconds(1_500)
        expected.user = "postgres"
        expected.folder = "/var/lib"
        expected.environment = [EnvironmentVariable(name: "PGHOST", value: "/run")]
        #expect(found == expected)
    }

    @Test func `what is wrong is said`() {
        for (text, mistake) in [
            ("", "has no [data] section"), ("[data]\n", "a program that writes it"),
            ("[data]\nread = cat\n", "read = cat"),
            ("[data]\nread = /bin/cat\ninterval = 5ms\n", "out of range"),
            ("[data]\nread = /bin/cat\nuser = nobody\n", "no such account"),
            ("[data]\nread = /bin/cat\nenvironment = MUSTER_X=1\n", "MUSTER_X"),
            ("[data]\nread = /bin/cat\n[data orders]\n", "given twice"),
            ("[data]\nread = /bin/cat\n[data other]\n", "not a section of this file"),
            ("[data]\nraed = /bin/cat\n", "did you mean read?"),
        ] {
            let (found, problems) = read(text)
            #expect(found == nil, "\(text)")
            #expect(problems.contains { $0.contains(mistake) }, "\(text): \(problems)")
        }
    }

    // MARK: Programs

    private func run(
        _ script: String,
        timeout: Duration = .seconds(20)
    ) -> DataOutcome {
        DataProgram(
            request: DataRun(
                id: DataRunID(dataSet: "orders", program: .read, attempt: 1),
                definition: DataSetDefinition(name: "orders"),
                program: ["/bin/sh", "-c", script],
                timeout: timeout
            )
        ).run()
    }

    @Test func `a program is told its data set, and has nothing on its input`() {
        #expect(run("cat; echo $MUSTER_DATA_SET") == .ended(output: "orders\n"))
    }

    @Test func `one that fails says why, and one that does not end is ended`() {
        #expect(run("echo no; exit 3") == .failed("exited with status 3: no"))
        let late = run("sleep 1000", timeout: .milliseconds(200))
        #expect(late == .failed("did not end within 200ms"))
        let missing = DataProgram(
            request: DataRun(
                id: DataRunID(dataSet: "orders", program: .read, attempt: 1),
                definition: DataSetDefinition(name: "orders"),
                program: ["/no/such/program"],
                timeout: .seconds(1)
            )
        ).run()
        guard case .failed = missing else {
            Issue.record("\(missing)")
            return
        }
    }
}
