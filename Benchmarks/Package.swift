// swift-tools-version: 6.2
import PackageDescription

// A package of its own: who builds Muster does not build its benchmarks. `Benchmarks/run` sets
// MUSTER_CORE, so that only the pure modules come along.
let package = Package(
    name: "benchmarks",
    platforms: [.macOS(.v14)],
    dependencies: [
        .package(name: "muster", path: ".."),
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.0", traits: []),
    ],
    targets: [
        .target(
            name: "Founding",
            dependencies: [.product(name: "MusterCore", package: "muster")],
            path: "Benchmarks/Founding"
        ),
        .executableTarget(
            name: "Runs",
            dependencies: ["Founding", .product(name: "MusterCore", package: "muster")],
            path: "Benchmarks/Runs"
        ),
        .executableTarget(
            name: "Work",
            dependencies: [
                "Founding",
                .product(name: "Benchmark", package: "benchmark"),
                .product(name: "MusterCore", package: "muster"),
            ],
            path: "Benchmarks/Work",
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]
        ),
    ]
)
