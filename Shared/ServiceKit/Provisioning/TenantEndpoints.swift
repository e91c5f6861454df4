import HTTP
import JSON
import Tenancy
import Values

/// The side of a service on which the gateway makes, changes and removes tenants, on the internal port:
/// `PUT` and `DELETE /internal/tenants/{id}`. Both may be repeated.
public struct TenantEndpoints: Sendable {
    /// Puts what a new tenant begins with into its schema (default pipelines, sources). May be repeated.
    public typealias Seed = @Sendable (Tenant) async throws -> Void

    /// What the gateway's token must allow.
    public static let permission: Permission = "tenants.provision"

    private let provisioner: TenantProvisioner
    private let directory: TenantDirectory
    private let seed: Seed

    public init(provisioner: TenantProvisioner, directory: TenantDirectory, seed: @escaping Seed = { _ in }) {
        (self.provisioner, self.directory, self.seed) = (provisioner, directory, seed)
    }

    public var endpoints: [Endpoint] {
        [
            Endpoint(
                .put, "/internal/tenants/{id}", id: "putTenant", summary: "Makes or changes a tenant here.",
                permission: Self.permission, body: .json(Schema(inline: ["type": "object"])),
                responses: [ResponseSpec(204, "It is as the body says.")], handle: put),
            Endpoint(
                .delete, "/internal/tenants/{id}", id: "dropTenant", summary: "Removes a tenant with all it has here.",
                permission: Self.permission, responses: [ResponseSpec(204, "It is gone.")], handle: drop),
        ]
    }

    private func put(_ call: Call) async throws -> HTTPResponse {
        let message = try TenantMessage(id: try Self.id(call), json: try await call.json())
        let description = message.description
        var tenant = try await provisioner.provision(description, on: message.server)
        if tenant.definition != description {
            try await provisioner.update(description)
            tenant = try await directory.find(tenant.id)
        }
        // What is put into its schema is refused while it is suspended: resumed before, suspended after.
        if message.status == .active, tenant.status != .active {
            try await provisioner.resume(tenant.id)
            tenant = try await directory.find(tenant.id)
        }
        if tenant.status == .active { try await seed(tenant) }
        if message.status == .suspended, tenant.status != .suspended { try await provisioner.suspend(tenant.id) }
        return .noContent
    }

    private func drop(_ call: Call) async throws -> HTTPResponse {
        try await provisioner.drop(try Self.id(call))
        return .noContent
    }

    private static func id(_ call: Call) throws(Problem) -> TenantID {
        guard let id = TenantID(call.path.string("id")) else { throw Problem(.notFound) }
        return id
    }
}
