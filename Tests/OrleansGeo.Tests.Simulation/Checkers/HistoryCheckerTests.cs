using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers;
using Xunit;

namespace OrleansGeo.Tests.Simulation.Checkers;

public sealed class LostWriteTests
{
    private readonly History _history = new();

    [Fact]
    public void Acknowledged_writes_that_are_there_are_good()
    {
        Put("a", 0, 10, 1);
        Put("b", 20, 30, 2);
        _history.Unknown(_history.Put(1, "x", "c", 40), 50);
        Good(true, (1, "a"), (2, "b"), (3, "c"));
        Good(true, (1, "a"), (2, "b"));
    }

    [Fact]
    public void A_lost_write_is_bad()
    {
        Put("a", 0, 10, 1);
        Put("b", 20, 30, 2);
        Bad("is lost", true, (1, "a"));
        Bad("is lost", true, (2, "b"));
        Bad("is lost", false, (1, "a"));
        Bad("the newest version there is none", false);
    }

    [Fact]
    public void A_collected_version_was_superseded()
    {
        Put("a", 0, 10, 1);
        Put("b", 20, 30, 2);
        Good(false, (2, "b"));
    }

    [Fact]
    public void A_deletion_is_a_write()
    {
        Put("a", 0, 10, 1);
        _history.Done(_history.Delete(1, "x", 20), 30, new HlcTimestamp(2));
        Good(true, (1, "a"), (2, null));
        Bad("is lost", true, (1, "a"));
        Bad("another value", true, (1, "a"), (2, "a"));
    }

    [Fact]
    public void A_write_whose_value_changed_is_bad()
    {
        Put("a", 0, 10, 1);
        Put("b", 0, 10, 2);
        Bad("another value", true, (1, "b"), (2, "b"));
    }

    [Fact]
    public void A_value_that_nobody_wrote_is_bad() => Bad("nobody wrote", true, [(1, "z"), (2, "a")], () => Put("a", 0, 10, 2));

    [Fact]
    public void A_failed_write_that_is_there_is_bad()
    {
        _history.Failed(_history.Put(1, "x", "a", 0), 10);
        Bad("certainly had no effect", true, (1, "a"));
    }

    [Fact]
    public void A_version_that_goes_back_in_real_time_is_bad()
    {
        Put("a", 0, 10, 5);
        Put("b", 20, 30, 4);
        Bad("lower version", true, (4, "b"), (5, "a"));
    }

    [Fact]
    public void Overlapping_writes_may_have_versions_in_either_order()
    {
        Put("a", 0, 25, 5);
        Put("b", 20, 30, 4);
        Good(true, (4, "b"), (5, "a"));
    }

    [Fact]
    public void Two_writes_with_one_version_are_bad()
    {
        Put("a", 0, 10, 5);
        Put("a", 5, 20, 5);
        Bad("share a version", true, (5, "a"));
    }

    private void Put(string value, long from, long to, ulong version) =>
        _history.Done(_history.Put(1, "x", value, from), to, new HlcTimestamp(version));

    private void Good(bool isComplete, params (ulong Version, string? Value)[] versions) =>
        Assert.Equal("good", LostWriteChecker.Check(_history, Samples.Final(isComplete, versions)).ToString());

    private void Bad(string words, bool isComplete, (ulong Version, string? Value)[] versions, Action arrange)
    {
        arrange();
        Bad(words, isComplete, versions);
    }

    private void Bad(string words, bool isComplete, params (ulong Version, string? Value)[] versions)
    {
        var verdict = LostWriteChecker.Check(_history, Samples.Final(isComplete, versions));
        Assert.Contains(words, Assert.IsType<Verdict.Violated>(verdict).Explanation, StringComparison.Ordinal);
    }
}

public sealed class StalenessTests
{
    private readonly History _history = new();

    public StalenessTests()
    {
        Write("x", "x1", 1_000, 10);
        Write("y", "y1", 2_000, 20);
        Write("x", "x2", 3_000, 30);
        Write("y", "y2", 4_000, 40);
    }

    [Fact]
    public void A_read_shows_the_newest_versions_at_its_timestamp()
    {
        Good(Read(35, ("x", "x2", 30), ("y", "y1", 20)));
        Good(Read(30, ("x", "x2", 30), ("y", "y1", 20)));
        Good(Read(15, ("x", "x1", 10), ("y", null, 0)));
    }

    [Fact]
    public void A_version_that_is_missed_is_bad()
    {
        Bad("missed the newest version", Read(35, ("x", "x1", 10)));
        Bad("missed the newest version", Read(15, ("x", null, 0)));
    }

    [Fact]
    public void Keys_read_at_several_moments_are_bad() =>
        Bad("missed the newest version", Read(45, ("x", "x2", 30), ("y", "y1", 20)));

    [Fact]
    public void A_version_above_the_timestamp_is_bad() => Bad("above its timestamp", Read(35, ("y", "y2", 40)));

    [Fact]
    public void A_value_that_nobody_wrote_is_bad() => Bad("nobody wrote", Read(50, ("x", "z", 45)));

    [Fact]
    public void A_version_with_two_values_is_bad() => Bad("two values", Read(35, ("x", "x1", 30)));

    [Fact]
    public void An_unknown_write_that_surfaced_once_is_there_for_every_later_timestamp()
    {
        _history.Unknown(_history.Put(1, "x", "x3", 5_000), 6_000);
        Good(Read(60, ("x", "x2", 30)));
        Good(Read(60, ("x", "x3", 50)), Read(45, ("x", "x2", 30)));
        Bad("missed the newest version", Read(60, ("x", "x3", 50)), Read(55, ("x", "x2", 30)));
    }

    [Fact]
    public void What_is_there_in_the_end_was_there_for_every_later_timestamp()
    {
        _history.Unknown(_history.Put(1, "x", "x3", 5_000), 6_000);
        var final = Samples.Final(true, (10, "x1"), (30, "x2"), (50, "x3"));
        var verdict = StalenessChecker.Check(_history, [Read(60, ("x", "x2", 30))], final);
        Assert.Contains("missed the newest", Assert.IsType<Verdict.Violated>(verdict).Explanation, StringComparison.Ordinal);
    }

    [Fact]
    public void Finding_nothing_proves_nothing_where_a_deletion_has_no_known_version()
    {
        _history.Unknown(_history.Delete(1, "x", 5_000), 6_000);
        Good(Read(60, ("x", null, 0)));
        Bad("missed the newest version", Read(60, ("y", null, 0)));
    }

    [Fact]
    public void A_known_deletion_must_be_seen()
    {
        _history.Done(_history.Delete(1, "x", 5_000), 6_000, new HlcTimestamp(50));
        Good(Read(60, ("x", null, 0)));
        Bad("missed the newest version", Read(60, ("x", "x2", 30)));
    }

    [Fact]
    public void A_bounded_read_that_declares_to_be_staler_is_bad()
    {
        Good(Read(35, ("x", "x2", 30)) with { MaxStalenessMs = 5 });
        Bad("declares to be staler", Read(35, ("x", "x2", 30)) with { MaxStalenessMs = 4 });
    }

    [Fact]
    public void A_read_at_another_timestamp_than_asked_for_is_bad()
    {
        Good(Read(35, ("x", "x2", 30)) with { At = new HlcTimestamp(35) });
        Bad("answered at another timestamp", Read(35, ("x", "x2", 30)) with { At = new HlcTimestamp(36) });
    }

    [Fact]
    public void A_bounded_read_below_a_write_older_than_its_bound_is_bad()
    {
        // The last write of y was acknowledged at 4 ms; the read begins at 10 ms.
        var read = Read(35, ("y", "y1", 20)) with { MaxStalenessMs = 5 };
        Bad("before an older acknowledged write", read);
        var final = Samples.Final(false);
        Assert.Equal("good", StalenessChecker.Check(_history, [read], final, clockErrorMs: 1).ToString());
        Assert.Equal("good", StalenessChecker.Check(_history, [read], final).ToString());
        Good(read with { MaxStalenessMs = 7 });
    }

    private void Write(string key, string value, long at, ulong version) =>
        _history.Done(_history.Put(1, key, value, at), at, new HlcTimestamp(version));

    private static StaleRead Read(ulong timestamp, params (string Key, string? Value, ulong Version)[] rows) => new()
    {
        Client = 2,
        InvokedAtMicros = 10_000,
        ReadTimestamp = new HlcTimestamp(timestamp),
        StalenessMs = 5,
        Rows = [.. rows.Select(row => new StaleRow(row.Key, row.Value, row.Value is null ? null : new HlcTimestamp(row.Version)))],
    };

    private void Good(params StaleRead[] reads) =>
        Assert.Equal("good", StalenessChecker.Check(_history, reads, Samples.Final(false), clockErrorMs: 0).ToString());

    private void Bad(string words, params StaleRead[] reads)
    {
        var verdict = StalenessChecker.Check(_history, reads, Samples.Final(false), clockErrorMs: 0);
        Assert.Contains(words, Assert.IsType<Verdict.Violated>(verdict).Explanation, StringComparison.Ordinal);
    }
}

public sealed class ExactlyOnceTests
{
    [Theory]
    [InlineData(OperationOutcome.Ok, 1, true)]
    [InlineData(OperationOutcome.Ok, 0, false)]
    [InlineData(OperationOutcome.Ok, 2, false)]
    [InlineData(OperationOutcome.Failed, 0, true)]
    [InlineData(OperationOutcome.Failed, 1, false)]
    [InlineData(OperationOutcome.Unknown, 0, true)]
    [InlineData(OperationOutcome.Unknown, 1, true)]
    [InlineData(OperationOutcome.Unknown, 2, false)]
    public void A_request_takes_effect_as_often_as_its_outcome_says(OperationOutcome outcome, int times, bool isGood)
    {
        var held = new Dictionary<string, IReadOnlyList<string>> { ["k"] = [.. Enumerable.Repeat("t1", times)] };
        var verdict = ExactlyOnceChecker.CheckTokens([new("r1", "k", "t1", outcome)], held);
        Assert.Equal(isGood, verdict.IsGood);
        Assert.True(isGood || verdict.ToString().Contains($"took effect {times} times", StringComparison.Ordinal), verdict.ToString());
    }

    [Fact]
    public void A_token_that_no_request_carried_is_bad()
    {
        var verdict = ExactlyOnceChecker.CheckTokens([], new Dictionary<string, IReadOnlyList<string>> { ["k"] = ["t"] });
        Assert.Contains("no request carried", verdict.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Requests_that_share_a_token_are_a_mistake_of_the_test()
    {
        TokenRequest[] requests = [new("r1", "k", "t", OperationOutcome.Unknown), new("r2", "k", "t", OperationOutcome.Unknown)];
        var verdict = ExactlyOnceChecker.CheckTokens(requests, new Dictionary<string, IReadOnlyList<string>>());
        Assert.Contains("r1, r2 share token", verdict.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_retried_write_with_two_versions_is_bad()
    {
        var history = new History();
        history.Done(history.Put(1, "x", "a", 0, "r1"), 10, new HlcTimestamp(2));
        history.Refused(history.Insert(1, "x", "b", 20, "r2"), 30);
        Assert.Equal("good", ExactlyOnceChecker.CheckVersions(history, Samples.Final(true, (2, "a"))).ToString());
        Assert.Contains(
            "r1 (ok) took effect 2 times",
            ExactlyOnceChecker.CheckVersions(history, Samples.Final(true, (1, "a"), (2, "a"))).ToString(),
            StringComparison.Ordinal);
        Assert.Contains(
            "r2 (failed) took effect 1 times",
            ExactlyOnceChecker.CheckVersions(history, Samples.Final(true, (2, "a"), (3, "b"))).ToString(),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4, false)]
    [InlineData(5, true)]
    [InlineData(8, true)]
    [InlineData(9, false)]
    public void A_counter_lies_between_what_was_acknowledged_and_what_may_have_happened(long sum, bool isGood)
    {
        AmountRequest[] requests =
        [
            new("r1", "k", 7, OperationOutcome.Ok),
            new("r2", "k", 1, OperationOutcome.Unknown),
            new("r3", "k", -2, OperationOutcome.Unknown),
            new("r4", "k", 50, OperationOutcome.Failed),
        ];
        Assert.Equal(isGood, ExactlyOnceChecker.CheckSums(requests, new Dictionary<string, long> { ["k"] = sum }).IsGood);
    }
}

internal static class Samples
{
    public static FinalState Final(bool isComplete, params (ulong Version, string? Value)[] versions) =>
        new(
            new Dictionary<string, IReadOnlyList<KeyVersion>>
            {
                ["x"] = [.. versions.Select(entry => new KeyVersion(new HlcTimestamp(entry.Version), entry.Value))],
            },
            isComplete);
}
