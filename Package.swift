// swift-tools-version: 6.2
import PackageDescription

// `MUSTER_CORE=1` leaves only what builds without a single dependency: the pure machines, the
// protocol, the simulation and their tests. It builds in seconds (Tests/run --core).
let coreOnly = Context.environment["MUSTER_CORE"] != nil

let common: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .enableUpcomingFeature("ImmutableWeakCaptures"),
    .treatAllWarnings(as: .error),
]

// The pure modules touch no pointer at all, so strict memory safety costs them nothing.
let pure: [SwiftSetting] = common + [.strictMemorySafety()]

func package(_ name: String, _ package: String) -> Target.Dependency {
    .product(name: name, package: package)
}

let coreProducts: [Product] = [
    .executable(name: "simulate", targets: ["Simulate"]),
    // For Benchmarks/, a package of its own.
    .library(
        name: "MusterCore",
        targets: ["Model", "Protocol", "Calendar", "ControllerCore", "AgentCore"]
    ),
]

let coreTargets: [Target] = [
    .target(name: "Model", swiftSettings: pure),
    .target(name: "Calendar", dependencies: ["Model"], swiftSettings: pure),
    .target(name: "Protocol", dependencies: ["Model"], swiftSettings: pure),
    .target(name: "AgentCore", dependencies: ["Model", "Protocol"], swiftSettings: pure),
    // Not `Metrics`: a dependency of ours has a module of that name.
    .target(name: "Meters", swiftSettings: common),
    .target(
        name: "ControllerCore",
        dependencies: ["Model", "Protocol", "Calendar"],
        swiftSettings: pure
    ),
    .target(
        name: "Simulation",
        dependencies: ["Model", "Protocol", "AgentCore", "ControllerCore"],
        swiftSettings: pure
    ),
    .executableTarget(
        name: "Simulate",
        dependencies: ["Simulation", "Model"],
        swiftSettings: common
    ),
    .testTarget(name: "MetersTests", dependencies: ["Meters"], swiftSettings: common),
    .testTarget(name: "ModelTests", dependencies: ["Model"], swiftSettings: common),
    .testTarget(
        name: "CalendarTests",
        dependencies: ["Calendar", "Model"],
        exclude: ["Fixtures"],
        swiftSettings: common
    ),
    .testTarget(
        name: "ProtocolTests",
        dependencies: ["Protocol", "Model"],
        exclude: ["Golden"],
        swiftSettings: common
    ),
    .testTarget(
        name: "AgentCoreTests",
        dependencies: ["AgentCore", "Protocol", "Model"],
        swiftSettings: common
    ),
    .testTarget(
        name: "ControllerCoreTests",
        dependencies: ["ControllerCore", "Protocol", "Model", "Calendar"],
        swiftSettings: common
    ),
    .testTarget(
        name: "SimulationTests",
        dependencies: ["Simulation", "ControllerCore", "AgentCore", "Model"],
        swiftSettings: common
    ),
    .testTarget(name: "TidyTests", swiftSettings: common),
]

let shellProducts: [Product] = [
    .executable(name: "muster", targets: ["Console"]),
    .executable(name: "muster-agent", targets: ["Agent"]),
    .executable(name: "muster-agent-enroll", targets: ["Enroll"]),
    .executable(name: "muster-leash", targets: ["Leash"]),
    .executable(name: "muster-controller", targets: ["Controller"]),
]

let shellDependencies: [Package.Dependency] = [
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
    .package(url: "https://github.com/apple/swift-certificates", from: "1.21.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
    .package(url: "https://github.com/apple/swift-asn1", from: "1.7.0"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(
        url: "https://github.com/hummingbird-project/hummingbird",
        from: "2.28.0",
        traits: []
    ),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
]

let shellTargets: [Target] = [
    .target(name: "CHost", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
    .target(
        name: "CCurl",
        cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])],
        linkerSettings: [.linkedLibrary("curl")]
    ),
    .target(name: "CNetwork", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
    .target(name: "Host", dependencies: ["CHost", "Model"], swiftSettings: common),
    .target(
        name: "Logs",
        dependencies: ["Host", "Model", package("Logging", "swift-log")],
        swiftSettings: common
    ),
    .target(
        name: "Digests",
        dependencies: ["Host", package("Crypto", "swift-crypto")],
        swiftSettings: common
    ),
    .target(
        name: "YAMLFiles",
        dependencies: ["Model", package("Yams", "Yams")],
        swiftSettings: common
    ),
    .target(
        name: "Store",
        dependencies: [
            "Digests", "Model", "Host", "CHost", package("GRDB", "GRDB.swift"),
            package("Crypto", "swift-crypto"),
        ],
        swiftSettings: common
    ),
    .target(
        name: "Identity",
        dependencies: [
            "Digests", "Model", "Host",
            package("X509", "swift-certificates"),
            package("Crypto", "swift-crypto"),
            package("SwiftASN1", "swift-asn1"),
        ],
        swiftSettings: common
    ),
    .target(
        name: "Transport",
        dependencies: [
            "Model", "Protocol", "Host",
            package("NIOCore", "swift-nio"), package("NIOPosix", "swift-nio"),
            package("NIOSSL", "swift-nio-ssl"), package("NIOTLS", "swift-nio"),
        ],
        swiftSettings: common
    ),
    .target(name: "API", swiftSettings: common),
    .executableTarget(
        name: "Leash",
        dependencies: ["AgentCore", "Model", "Host", "CHost"],
        swiftSettings: common
    ),
    .executableTarget(
        name: "Agent",
        dependencies: [
            "AgentCore", "Model", "Protocol", "Transport", "Host", "CHost", "Logs", "Meters",
            package("NIOCore", "swift-nio"), package("NIOPosix", "swift-nio"),
            package("NIOSSL", "swift-nio-ssl"),
            package("Logging", "swift-log"),
        ],
        swiftSettings: common
    ),
    .executableTarget(
        name: "Enroll",
        dependencies: [
            "AgentCore", "Identity", "Transport", "Protocol", "Model", "Host", "CHost",
            package("NIOCore", "swift-nio"), package("NIOPosix", "swift-nio"),
            package("NIOSSL", "swift-nio-ssl"),
        ],
        swiftSettings: common
    ),
    .executableTarget(
        name: "Controller",
        dependencies: [
            "ControllerCore", "Model", "Calendar", "Protocol", "Transport", "Store", "Identity",
            "API", "Host", "CCurl", "CHost", "CNetwork", "Logs", "Digests", "Meters",
            "YAMLFiles",
            package("NIOCore", "swift-nio"), package("NIOPosix", "swift-nio"),
            package("NIOSSL", "swift-nio-ssl"), package("NIOTLS", "swift-nio"),
            package("X509", "swift-certificates"),
            package("Crypto", "swift-crypto"),
            package("Hummingbird", "hummingbird"), package("HummingbirdCore", "hummingbird"),
            package("HummingbirdTLS", "hummingbird"),
            package("ServiceLifecycle", "swift-service-lifecycle"),
            package("Logging", "swift-log"),
            package("ArgumentParser", "swift-argument-parser"),
        ],
        swiftSettings: common
    ),
    .executableTarget(
        name: "Console",
        dependencies: [
            "API", "Calendar", "Identity", "Host", "Model", "YAMLFiles",
            package("ArgumentParser", "swift-argument-parser"),
            package("AsyncHTTPClient", "async-http-client"),
            package("NIOCore", "swift-nio"), package("NIOSSL", "swift-nio-ssl"),
            package("NIOPosix", "swift-nio"), package("Crypto", "swift-crypto"),
            package("NIOHTTP1", "swift-nio"), package("NIOFoundationCompat", "swift-nio"),
            package("Yams", "Yams"),
        ],
        swiftSettings: common
    ),
    .testTarget(
        name: "HostTests",
        dependencies: ["AgentCore", "Host", "Model"],
        swiftSettings: common
    ),
    .target(name: "CCrashVFS", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
    .testTarget(
        name: "StoreTests",
        dependencies: [
            "Store", "Digests", "Model", "CCrashVFS", package("GRDB", "GRDB.swift"),
            package("Crypto", "swift-crypto"),
        ],
        swiftSettings: common
    ),
    .testTarget(
        name: "IdentityTests",
        dependencies: [
            "Identity", "Digests", "Model", "Host",
            package("X509", "swift-certificates"), package("Crypto", "swift-crypto"),
            package("SwiftASN1", "swift-asn1"),
        ],
        swiftSettings: common
    ),
    .testTarget(
        name: "TransportTests",
        dependencies: [
            "Transport", "Identity", "Protocol", "Model", "Host",
            package("NIOCore", "swift-nio"), package("NIOPosix", "swift-nio"),
            package("NIOEmbedded", "swift-nio"),
            package("NIOSSL", "swift-nio-ssl"),
        ],
        swiftSettings: common
    ),
    .testTarget(
        name: "AgentTests",
        dependencies: [
            "Agent", "AgentCore", "Host", "Meters", "Model", "Protocol",
            package("Logging", "swift-log"),
        ],
        swiftSettings: common
    ),
    .testTarget(
        name: "ControllerTests",
        dependencies: [
            "Controller", "ControllerCore", "Store", "Transport", "API", "Host", "Meters", "Model",
            "Calendar", "Protocol", "YAMLFiles",
            package("Logging", "swift-log"), package("NIOCore", "swift-nio"),
            package("NIOEmbedded", "swift-nio"),
        ],
        swiftSettings: common
    ),
    .testTarget(
        name: "ConsoleTests",
        dependencies: [
            "Console", "API", "Identity", "Host", "Model",
            package("ArgumentParser", "swift-argument-parser"), package("Yams", "Yams"),
        ],
        exclude: ["Fixtures"],
        swiftSettings: common
    ),
    .testTarget(
        name: "EndToEndTests",
        dependencies: ["API", "Host", "Model"],
        exclude: ["Peers", "Recipes/scripts"],
        swiftSettings: common
    ),
]

let package = Package(
    name: "muster",
    products: coreProducts + (coreOnly ? [] : shellProducts),
    dependencies: coreOnly ? [] : shellDependencies,
    targets: coreTargets + (coreOnly ? [] : shellTargets)
)
