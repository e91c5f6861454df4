import Foundation
import HTTP
import JSON
import Testing
import Values

@testable import Resources

/// Whose records somebody sees, here and as another service is told of it.
@Suite struct SightTests {
    private let me = UUIDv7.make()
    private let other = UUIDv7.make()
    private let mine = UUIDv7.make()
    private let theirs = UUIDv7.make()

    private func sight(_ visibility: Principal.Visibility) -> Sight {
        Sight(
            Principal(
                tenant: nil, subject: me.lowercased, kind: .user, role: "", permissions: [], visibility: visibility,
                teamIDs: [mine]))
    }

    @Test(arguments: Principal.Visibility.allCases)
    func `a sight reaches own records, those of its teams, or all`(visibility: Principal.Visibility) {
        let seen = sight(visibility)
        let (teams, all) = (visibility != .own, visibility == .all)
        for (owner, team, reaches) in [
            (me, theirs, true), (me, nil, true), (other, mine, teams), (nil, mine, teams), (other, theirs, all),
            (other, nil, all), (nil, nil, all),
        ] as [(UUID?, UUID?, Bool)] {
            #expect(seen.reaches(owner: owner, team: team) == reaches)
        }
    }

    @Test(arguments: Principal.Visibility.allCases)
    func `told to another service it is the same`(visibility: Principal.Visibility) {
        #expect(Sight(sight(visibility).json) == sight(visibility))
    }

    @Test(arguments: [.null, "all", [:], ["visibility": "everything"], ["visibility": 1]] as [JSON])
    func `what is no sight is none`(json: JSON) { #expect(Sight(json) == nil) }

    @Test func `a machine without an id owns nothing`() {
        let machine = Principal(
            tenant: nil, subject: "leads", kind: .service, role: "", permissions: [], visibility: .own)
        #expect(!Sight(machine).reaches(owner: nil, team: nil) && !Sight(machine).reaches(owner: me, team: mine))
    }
}
