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
func shared(
    _ name: String, _ dependencies: [Target.Dependency] = [], tests: Bool = true,
    testDependencies: [Target.Dependency] = [], resources: [Resource] = []
) -> [Target] {
    let library = Target.target(
        name: name, dependencies: dependencies, path: "Shared/\(name)", resources: resources,
        swiftSettings: strict)
    guard tests else { return [library] }
    return [
        library,
        .testTarget(
            name: "\(name)Tests",
            dependencies: [.init(stringLiteral: name)] + dependencies + testDependencies,
            path: "Tests/\(name)Tests", swiftSettings: strict),
    ]
}

/// A service: its library, its executable of a few lines, and its tests.
func service(
    _ name: String, executable: String, _ extra: [Target.Dependency] = [], resources: [Resource] = []
) -> [Target] {
    let dependencies: [Target.Dependency] =
        [
            "Values", "JSON", "Runtime", "HTTP", "Postgres", "EventLog", "Contracts", "Entities", "Tenancy",
            "ServiceKit", "Resources", "Security", "Text", "CSV",
        ] + extra
    return [
        .target(
            name: name, dependencies: dependencies, path: "Services/\(name)", exclude: ["Main", "README.md"],
            resources: [.copy("Storage/Migrations")] + resources, swiftSettings: strict),
        .executableTarget(
            name: executable, dependencies: [.init(stringLiteral: name), "ServiceKit"],
            path: "Services/\(name)/Main", swiftSettings: strict),
        .testTarget(
            name: "\(name)Tests", dependencies: [.init(stringLiteral: name), "TestKit"] + dependencies,
            path: "Tests/\(name)Tests", swiftSettings: strict),
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
    shared("JSON", ["CJansson", "Values"]),
    shared("Text", ["CICU", "COpenCC"]),
    shared("CSV", ["CCSV"]),
    shared("Runtime", ["CLibUV"]),
    shared("Security", ["COpenSSL", "CCJose", "JSON", "Values"]),
    shared("HTTP", ["Runtime", "JSON", "Values", "CLibUV", "CCurl", "COpenSSL"]),
    shared("Postgres", ["Runtime", "CPostgres", "JSON", "Values"], testDependencies: ["TestKit"]),
    shared("Kafka", ["Runtime", "CRDKafka", "Values"], testDependencies: ["TestKit"]),
    shared("Tenancy", ["Runtime", "Postgres", "JSON", "Values"], testDependencies: ["TestKit"]),
    shared("Entities", ["JSON", "Values", "Text"]),
    shared("Contracts", ["Entities", "JSON", "Values"], resources: [.copy("Released")]),
    shared(
        "EventLog", ["Runtime", "Postgres", "Kafka", "Tenancy", "JSON", "Values"],
        testDependencies: ["TestKit", "CRDKafka"], resources: [.copy("Migrations"), .copy("LogMigrations")]),
    shared(
        "ServiceKit",
        ["Runtime", "HTTP", "Postgres", "EventLog", "Tenancy", "Security", "Contracts", "JSON", "Values"],
        testDependencies: ["TestKit"]),
    shared(
        "Resources",
        [
            "Runtime", "HTTP", "Postgres", "EventLog", "Tenancy", "ServiceKit", "Entities", "Contracts", "JSON",
            "Values", "Text", "CSV", "Security", "Kafka",
        ], testDependencies: ["TestKit"], resources: [.copy("Migrations")]),
    shared(
        "TestKit", ["Runtime", "HTTP", "Postgres", "Tenancy", "EventLog", "Contracts", "Resources", "JSON", "Values"],
        tests: false),
]

// MARK: - Product

let services: [[Target]] = [
    service("Gateway", executable: "gateway", resources: [.copy("Pages")]),
    service("Leads", executable: "leads"),
    service("Opportunities", executable: "opportunities"),
    service("Customers", executable: "customers"),
    service("Analytics", executable: "analytics"),
]

let operatorTool: [Target] = [
    .target(
        name: "Operator",
        dependencies: [
            "Runtime", "HTTP", "Postgres", "EventLog", "Tenancy", "ServiceKit", "JSON", "Values", "CSV", "Gateway",
            "Leads", "Opportunities", "Customers", "Analytics", "Security", "Contracts", "Resources", "Kafka",
        ], path: "Services/Operator", exclude: ["Main", "README.md"], swiftSettings: strict),
    .executableTarget(
        name: "guanxi", dependencies: ["Operator", "ServiceKit"], path: "Services/Operator/Main",
        swiftSettings: strict),
    .testTarget(
        name: "OperatorTests",
        dependencies: [
            "Operator", "TestKit", "Gateway", "Leads", "Opportunities", "Customers", "Analytics", "ServiceKit",
            "Postgres",
            "JSON", "CSV", "HTTP", "Runtime", "Values", "Contracts", "Resources", "EventLog",
        ],
        path: "Tests/OperatorTests", swiftSettings: strict),
]

let package = Package(
    name: "Guanxi",
    targets: cLibraries + technique.flatMap { $0 } + services.flatMap { $0 } + operatorTool
)
