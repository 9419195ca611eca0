using Microsoft.Extensions.Logging;
using OrleansGeo.Membership;

namespace OrleansGeo.Clustering;

public sealed partial class MembershipRegister
{
    [LoggerMessage(
        1, LogLevel.Error, "Membership database {Database} takes no part until an operator has dealt with it ({Kind}): it {Reason}")]
    private static partial void DatabaseRefused(ILogger logger, string database, RefusalKind kind, string reason);
}
