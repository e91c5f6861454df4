// swift-tools-version: 6.2
import PackageDescription

// MARK: - Helpers

/// Settings of every Swift target: Swift 6 mode comes from the tools version; warnings are errors.
let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    // Generics of one module are specialised in the next: a sixth of the processor time of a request.
    .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
]

/// A Debian C library described by pkg-config, imported as it is.
func system(_ name: String, pkgConfig: String?, debian package: String) -> Target {
    .systemLibrary(
        name: name, path: "Shared/\(name)", pkgConfig: pkgConfig, providers: [.apt([package])])
}

/// A few lines of C around a Debian library whose interface Swift cannot import (macros, variadic functions).
func shim(_ name: String, links libraries: [String]) -> Target {
    .target(
        name: name, path: "Shared/\(name)", linkerSettings: libraries.map { .linkedLibrary($0) })
}

/// A module of technique in `Shared/` and its tests in `Tests/`.
///
/// Each target names just what its files import: `Tests/layers.py`, a part of `make test`, compares.
///
/// - Parameter tests: what its tests import beside it; nil where it has none.
func shared(
    _ name: String, _ dependencies: [Target.Dependency] = [], tests: [Target.Dependency]? = [],
    resources: [Resource] = []
) -> [Target] {
    let library = Target.target(
        name: name, dependencies: dependencies, path: "Shared/\(name)", resources: resources,
        swiftSettings: strict)
    guard let tests else { return [library] }
    return [
        library,
        .testTarget(
            name: "\(name)Tests", dependencies: [.init(stringLiteral: name)] + tests, path: "Tests/\(name)Tests",
            swiftSettings: strict),
    ]
}

/// A service: its library, its executable of a few lines, and its tests.
func service(
    _ name: String, executable: String, _ dependencies: [Target.Dependency], tests: [Target.Dependency],
    resources: [Resource] = []
) -> [Target] {
    [
        .target(
            name: name, dependencies: dependencies, path: "Services/\(name)", exclude: ["Main", "README.md"],
            resources: [.copy("Storage/Migrations")] + resources, swiftSettings: strict),
        .executableTarget(
            name: executable, dependencies: [.init(stringLiteral: name), "ServiceKit"],
            path: "Services/\(name)/Main", swiftSettings: strict),
        .testTarget(
            name: "\(name)Tests", dependencies: [.init(stringLiteral: name)] + tests, path: "Tests/\(name)Tests",
            swiftSettings: strict),
    ]
}

// MARK: - C libraries

let cLibraries: [Target] = [
    system("CLibUV", pkgConfig: "libuv", debian: "libuv1-dev"),
    system("CPostgres", pkgConfig: "libpq", debian: "libpq-dev"),
    system("CRDKafka", pkgConfig: "rdkafka", debian: "librdkafka-dev"),
    system("COpenSSL", pkgConfig: "openssl", debian: "libssl-dev"),
    system("CCJose", pkgConfig: "cjose", debian: "libcjose-dev"),
    system("CCSV", pkgConfig: nil, debian: "libcsv-dev"),
    shim("CJansson", links: ["jansson"]),
    shim("CCurl", links: ["curl"]),
    shim("CICU", links: ["icuuc", "icui18n", "icudata"]),
    system("COpenCC", pkgConfig: "opencc", debian: "libopencc-dev"),
]

// MARK: - Technique

let technique: [[Target]] = [
    shared("Values"),
    shared("JSON", ["CJansson", "Values"], tests: ["Values"]),
    shared("Text", ["CICU", "COpenCC"]),
    shared("CSV", ["CCSV"]),
    shared("Runtime", ["CLibUV"]),
    shared("Security", ["COpenSSL", "CCJose", "Values", "JSON"], tests: ["JSON"]),
    shared("HTTP", ["CLibUV", "CCurl", "Values", "JSON", "Runtime"], tests: ["Values", "JSON", "Runtime"]),
    shared("Postgres", ["CPostgres", "Values", "JSON", "Runtime"], tests: ["Values", "JSON", "Runtime", "TestKit"]),
    shared("Kafka", ["CRDKafka", "Values", "Runtime"], tests: ["CRDKafka", "Values", "Runtime", "TestKit"]),
    shared(
        "Tenancy", ["Values", "JSON", "Runtime", "Postgres"],
        tests: ["Values", "JSON", "Runtime", "Postgres", "TestKit"]),
    shared("Entities", ["Values", "JSON", "Text"], tests: ["Values", "JSON"]),
    shared(
        "Contracts", ["Values", "JSON", "Entities"], tests: ["Values", "JSON", "Entities"],
        resources: [.copy("Released")]),
    shared(
        "EventLog", ["Values", "JSON", "Runtime", "Postgres", "Kafka", "Tenancy"],
        tests: ["CRDKafka", "Values", "JSON", "Runtime", "Postgres", "Kafka", "Tenancy", "TestKit"],
        resources: [.copy("Migrations"), .copy("LogMigrations")]),
    shared(
        "ServiceKit", ["Values", "JSON", "Runtime", "Security", "HTTP", "Postgres", "Tenancy", "Contracts"],
        tests: ["Values", "JSON", "Runtime", "Security", "HTTP", "Contracts"]),
    shared(
        "Resources",
        [
            "Values", "JSON", "Text", "CSV", "Runtime", "Security", "HTTP", "Postgres", "Kafka", "Tenancy", "Entities",
            "Contracts", "EventLog", "ServiceKit",
        ], tests: ["Values", "JSON", "Runtime", "HTTP", "Postgres", "Tenancy", "EventLog", "ServiceKit", "TestKit"],
        resources: [.copy("Migrations")]),
    shared(
        "TestKit",
        ["Values", "JSON", "Runtime", "Postgres", "Tenancy", "Entities", "Contracts", "EventLog", "Resources"],
        tests: nil),
]

// MARK: - Product

let services: [[Target]] = [
    service(
        "Gateway", executable: "gateway",
        [
            "Values", "JSON", "Text", "Runtime", "Security", "HTTP", "Postgres", "Tenancy", "Entities", "Contracts",
            "EventLog", "ServiceKit", "Resources",
        ],
        tests: [
            "Values", "JSON", "Runtime", "Security", "HTTP", "Postgres", "Tenancy", "Contracts", "EventLog",
            "ServiceKit", "Resources", "TestKit",
        ], resources: [.copy("Pages")]),
    service(
        "Leads", executable: "leads",
        [
            "Values", "JSON", "Text", "Runtime", "HTTP", "Postgres", "Tenancy", "Entities", "Contracts", "EventLog",
            "ServiceKit", "Resources",
        ],
        tests: [
            "Values", "JSON", "Text", "CSV", "Runtime", "Security", "HTTP", "Postgres", "Tenancy", "Entities",
            "Contracts", "EventLog", "ServiceKit", "Resources", "TestKit",
        ]),
    service(
        "Opportunities", executable: "opportunities",
        ["Values", "JSON", "Text", "HTTP", "Postgres", "Tenancy", "Entities", "Contracts", "ServiceKit", "Resources"],
        tests: [
            "Values", "JSON", "Runtime", "HTTP", "Postgres", "Tenancy", "Entities", "Contracts", "EventLog",
            "ServiceKit", "Resources", "TestKit",
        ]),
    service(
        "Customers", executable: "customers",
        [
            "Values", "JSON", "Text", "HTTP", "Postgres", "Tenancy", "Entities", "Contracts", "EventLog", "ServiceKit",
            "Resources",
        ],
        tests: [
            "Values", "JSON", "Runtime", "HTTP", "Postgres", "Tenancy", "Entities", "Contracts", "EventLog",
            "ServiceKit", "Resources", "TestKit",
        ]),
    service(
        "Analytics", executable: "analytics",
        [
            "Values", "JSON", "HTTP", "Postgres", "Tenancy", "Entities", "Contracts", "EventLog", "ServiceKit",
            "Resources",
        ],
        tests: [
            "Values", "JSON", "Runtime", "HTTP", "Postgres", "Tenancy", "Contracts", "EventLog", "Resources", "TestKit",
        ]),
]

let operatorTool: [Target] = [
    .target(
        name: "Operator",
        dependencies: [
            "Values", "JSON", "CSV", "Runtime", "Security", "HTTP", "Postgres", "Kafka", "Tenancy", "Contracts",
            "EventLog", "ServiceKit", "Resources", "Gateway", "Leads", "Opportunities", "Customers", "Analytics",
        ], path: "Services/Operator", exclude: ["Main", "README.md"], swiftSettings: strict),
    .executableTarget(
        name: "guanxi", dependencies: ["Operator", "ServiceKit"], path: "Services/Operator/Main",
        swiftSettings: strict),
    .testTarget(
        name: "OperatorTests",
        dependencies: [
            "Operator", "Values", "JSON", "CSV", "Runtime", "HTTP", "Postgres", "Tenancy", "Contracts", "ServiceKit",
            "TestKit", "Gateway", "Leads", "Opportunities", "Customers", "Analytics", "EventLog", "Resources",
        ], path: "Tests/OperatorTests", swiftSettings: strict),
]

let package = Package(
    name: "Guanxi",
    targets: cLibraries + technique.flatMap { $0 } + services.flatMap { $0 } + operatorTool
)
