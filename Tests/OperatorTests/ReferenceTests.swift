import Analytics
import Contracts
import Customers
import Foundation
import HTTP
import JSON
import Leads
import Opportunities
import Runtime
import ServiceKit
import Testing

@testable import Gateway

/// What is written about the whole product is made from it.
@Suite struct ReferenceTests {
    /// `docs/api-reference.md` has every operation of every service; `GUANXI_WRITE_DOCS=1` brings it up to date.
    @Test func `the API reference is made from the routes`() async throws {
        let merged = try await merged()
        #expect(OpenAPI.faults(of: merged) == [])
        try expect("api-reference.md", toBe: OpenAPI.markdown(merged))
    }

    /// That each is taken, and that each operation has one, the platform's tests see.
    @Test func `there is an example for nothing but an operation`() async throws {
        let operations = try await merged()["paths"]?.object?.values.flatMap { $0.object?.values ?? [] } ?? []
        let ids = operations.filter { $0["requestBody"] != nil }.compactMap { $0["operationId"]?.string }
        #expect(Set(Examples.bodies.keys).subtracting(ids) == [])
    }

    /// `docs/errors.md` explains every problem there is.
    @Test func `the error reference is made from the catalogue`() async throws {
        let published = ProblemType.published
        let codes = Set(published.map(\.code))
        #expect(codes.count == published.count)
        #expect(try declaredCodes().subtracting(codes) == [])
        let answered =
            try await merged()["paths"]?.object?.values.flatMap { $0.object?.values ?? [] }
            .flatMap { $0["responses"]?.object?.values ?? [] }.flatMap { $0["x-codes"]?.array ?? [] } ?? []
        #expect(!answered.isEmpty && Set(answered.compactMap(\.string)).subtracting(codes) == [])
        try expect("errors.md", toBe: ProblemReference.markdown(published))
    }

    private static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
        .standardizedFileURL

    private func expect(_ name: String, toBe text: String) throws {
        let file = Self.root.appending(path: "docs/\(name)")
        if ProcessInfo.processInfo.environment["GUANXI_WRITE_DOCS"] != nil {
            try Data(text.utf8).write(to: file)
        }
        #expect(
            try String(contentsOf: file, encoding: .utf8) == text,
            "docs/\(name) is older than what it is made from: run the tests once with GUANXI_WRITE_DOCS=1")
    }

    /// The code of every problem type that is declared anywhere in the sources.
    private func declaredCodes() throws -> Set<String> {
        var codes: Set<String> = []
        for folder in ["Shared", "Services"] {
            let files = try #require(
                FileManager.default.enumerator(at: Self.root.appending(path: folder), includingPropertiesForKeys: nil))
            for case let file as URL in files where file.pathExtension == "swift" {
                let text = try String(contentsOf: file, encoding: .utf8)
                codes.formUnion(text.matches(of: /ProblemType\(\s*"(\w+)"/).map { String($0.output.1) })
            }
        }
        #expect(codes.contains("notFound"))
        return codes
    }

    /// The API document of the whole product.
    private func merged() async throws -> JSON {
        let programs: [(name: String, keys: [AnyConfigurationKey], compose: ServiceProgram.Compose)] = [
            (GatewayService.name, GatewayService.program.keys, GatewayService.compose),
            (LeadsService.name, LeadsService.program.keys, LeadsService.compose),
            (OpportunitiesService.name, OpportunitiesService.program.keys, OpportunitiesService.compose),
            (CustomersService.name, CustomersService.program.keys, CustomersService.compose),
            (AnalyticsService.name, AnalyticsService.program.keys, AnalyticsService.compose),
        ]
        let group = EventLoopGroup(count: 1, name: "reference")
        var documents: [JSON] = []
        for program in programs {
            documents.append(try await document(program.name, program.keys, program.compose, group))
        }
        return try OpenAPI.merge(documents, info: .init(title: "Guanxi", version: "1", description: ""))
    }

    /// The part of a service that is composed, but neither started nor connected to anything.
    private func document(
        _ name: String, _ keys: [AnyConfigurationKey], _ compose: @escaping ServiceProgram.Compose,
        _ group: EventLoopGroup
    ) async throws -> JSON {
        let configuration = try Configuration(
            keys: keys, arguments: ["--loops", "1", "--log-level", "error"],
            environment: [
                "GUANXI_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
                "GUANXI_SECRET": String(repeating: "s", count: 32),
            ])
        let context = try ServiceContext(
            settings: try ServiceSettings(name: name, configuration: configuration), configuration: configuration,
            group: group, logger: Logger(service: name, level: .error))
        return try await withTaskExecutorPreference(group.next()) {
            let routes = try #require(try await compose(context).internalRoutes)
            let response = await routes(HTTPRequest(.get, "/internal/openapi.json"))
            return try JSON.parse(try await response.body.collect(upTo: 16 << 20))
        }
    }
}
