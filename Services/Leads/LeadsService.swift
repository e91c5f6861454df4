import Contracts
import EventLog
import Foundation
import HTTP
import Postgres
import Resources
import ServiceKit

/// The leads service: capture, duplicates, follow-up, conversion.
public enum LeadsService {
    public static let name = "leads"

    /// The service's own migrations.
    public static func migrations() throws -> [MigrationSet] {
        [try MigrationSet(name: name, folder: Bundle.module.bundleURL.appending(path: "Migrations"))]
    }

    public static func compose(_ context: ServiceContext) async throws -> ServiceComposition {
        let backbone = try Backbone(
            context, migrations: try migrations(), keeping: [.people, .teams, .businessLines],
            filling: [.teams, .businessLines])
        let environment = backbone.environment
        let policies = Policies(environment: environment, committed: backbone.committed)
        let leads = LeadStore(environment: environment, policies: policies).resource
        let sources = Resource<Source>(
            "sources", environment: environment,
            rules: ResourceRules(
                creating: { drafts in
                    drafts.map { draft in
                        do {
                            try draft.record.validate()
                            return .create(draft.record)
                        } catch {
                            return .refuse(Problem(translating: error) ?? Problem(.ruleViolated))
                        }
                    }
                },
                changing: { modification, _, _ in
                    try modification.new.validate()
                    return modification
                }))
        // The services' internal ports: steps of conversions are nobody else's business.
        let customers = context.internalClient("customers")
        let runner = ConversionRunner(
            leads: leads,
            services: [
                .account: customers, .contact: customers, .opportunity: context.internalClient("opportunities"),
            ], logger: context.logger.component("conversions"))
        let imports = ImportWorker(
            environment, logger: context.logger.component("imports"), importers: [leads.importer])
        return try backbone.composition(
            endpoints: leads.endpoints() + leads.importEndpoints(imports)
                + LeadActs(leads: leads, policies: policies).endpoints
                + [ConvertEndpoint(leads: leads, runner: runner).endpoint]
                + sources.endpoints([.create, .read, .change, .delete])
                + Self.duplicates(policies.environment).endpoints + policies.endpoints,
            consumers: backbone.directoryConsumers(name),
            components: [runner, imports])
    }

    static func duplicates(_ environment: ResourceEnvironment) -> DuplicatePolicyEndpoints<LeadMatchKind> {
        DuplicatePolicyEndpoints(
            "/v1/duplicate-policy", name: "DuplicatePolicy", collection: "leads", noun: "duplicates",
            environment: environment)
    }

    public static let program = ServiceProgram(
        name: name, summary: "Takes in leads, finds duplicates, follows them up, converts them.", compose: compose)
}
