using System.Diagnostics.Metrics;

namespace OrleansGeo.Membership;

/// <summary>What the register's clients of this process count. Without a listener an update costs a branch.</summary>
internal static class RegisterMetrics
{
    public const string MeterName = "OrleansGeo.Membership";

    private static readonly Meter s_meter = new(MeterName);
    private static readonly Counter<long> s_calls = s_meter.CreateCounter<long>(
        "orleansgeo.membership.register.calls", "{call}", "Calls of the membership register answered.");

    private static readonly Histogram<double> s_duration = s_meter.CreateHistogram<double>(
        "orleansgeo.membership.register.duration", "s", "Duration of those calls.");

    private static readonly Counter<long> s_rounds = s_meter.CreateCounter<long>(
        "orleansgeo.membership.register.rounds", "{round}", "Rounds of the register.");

    private static readonly Counter<long> s_silent = s_meter.CreateCounter<long>(
        "orleansgeo.membership.acceptor.no_answers", "{request}", "Requests that a database did not answer.");

    private static readonly Counter<long> s_refused = s_meter.CreateCounter<long>(
        "orleansgeo.membership.acceptor.refusals", "{refusal}", "Acceptors found unfit; each needs an operator.");

    public static void Called(string operation, string outcome, TimeSpan duration)
    {
        if (s_calls.Enabled)
        {
            s_calls.Add(1, new("operation", operation), new("outcome", outcome));
        }

        s_duration.Record(duration.TotalSeconds, new KeyValuePair<string, object?>("operation", operation));
    }

    public static void RoundEnded(string how) => s_rounds.Add(1, new KeyValuePair<string, object?>("end", how));

    public static void NoAnswer(string acceptor) => s_silent.Add(1, new KeyValuePair<string, object?>("acceptor", acceptor));

    public static void Refused(string acceptor, RefusalKind kind) =>
        s_refused.Add(1, new("acceptor", acceptor), new("reason", kind.ToString()));
}
