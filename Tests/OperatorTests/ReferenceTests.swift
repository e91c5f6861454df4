import Analytics
import Contracts
import Customers
import Foundation
import Gateway
import HTTP
import JSON
import Leads
import Opportunities
import Runtime
import ServiceKit
import Testing

/// What is written about the whole product is made from it.
@Suite struct ReferenceTests {
    /// `docs/api-reference.md` has every operation of every service; `GUANXI_WRITE_DOCS=1` brings it up to date.
    @Test func `the API reference is made from the routes`() async throws {
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
        let merged = try OpenAPI.merge(documents, info: .init(title: "Guanxi", version: "1", description: ""))
        #expect(OpenAPI.faults(of: merged) == [])
        let text = OpenAPI.markdown(merged)
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../docs/api-reference.md").standardizedFileURL
        if ProcessInfo.processInfo.environment["GUANXI_WRITE_DOCS"] != nil {
            try Data(text.utf8).write(to: file)
        }
        #expect(
            try String(contentsOf: file, encoding: .utf8) == text,
            "a route changed: run the tests once with GUANXI_WRITE_DOCS=1")
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
