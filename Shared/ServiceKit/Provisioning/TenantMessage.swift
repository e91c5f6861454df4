import HTTP
import JSON
import Tenancy
import Values

/// What the gateway tells a service about a tenant: the body of `PUT /internal/tenants/{id}`.
public struct TenantMessage: Sendable, Hashable {
    public var description: TenantDescription
    public var status: Tenant.Status
    /// The PostgreSQL server it is made on; empty for the one that has the directory.
    public var server: String

    public init(_ description: TenantDescription, status: Tenant.Status = .active, server: String = "") {
        (self.description, self.status, self.server) = (description, status, server)
    }

    public var json: JSON {
        [
            "slug": .string(description.slug), "name": .string(description.name),
            "timeZone": .string(description.timeZone), "currency": .string(description.currency),
            "industry": .string(description.industry), "settings": description.settings,
            "status": .string(status.rawValue), "server": .string(server),
        ]
    }

    /// - Throws: a 400 problem; only another version of the gateway sends such a body.
    public init(id: TenantID, json: JSON) throws(Problem) {
        func text(_ name: String) throws(Problem) -> String {
            guard let text = json[name]?.string else {
                throw .parameter(name, code: "required", "\(name) must be a text")
            }
            return text
        }
        guard let status = Tenant.Status(rawValue: try text("status")) else {
            throw .parameter("status", code: "choice", "status must be active or suspended")
        }
        self.init(
            TenantDescription(
                id: id, slug: try text("slug"), name: try text("name"), timeZone: try text("timeZone"),
                currency: try text("currency"), industry: try text("industry"),
                settings: json["settings"] ?? .object([:])),
            status: status, server: json["server"]?.string ?? "")
    }
}
