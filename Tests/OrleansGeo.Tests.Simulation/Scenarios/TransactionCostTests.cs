using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Scenarios;
using Xunit;

namespace OrleansGeo.Tests.Simulation.Scenarios;

/// <summary>The transactions of the table of DESIGN section 8, in virtual time: round trips between regions, and their time.</summary>
public sealed class TransactionCostTests
{
    // N(h), from us-east1 to europe-west1, which is as far as from us-east1 to the table that lives there.
    private const double HomeToVoterMs = 64;
    private const double WestToHomeMs = 66;
    private const double WestToFarMs = 146;

    // A look and then a write, each an exchange between zones that are a millisecond apart.
    private const double TwoExchangesMs = 6;
    private static readonly TableRef s_near2 = new("geo", "near2");
    private static readonly TableRef s_wide2 = new("geo", "wide2");
    private readonly TransactionStory _story = new(23, options => options with { HousekeepingMicros = 600_000_000 });
    private int _keys;

    public TransactionCostTests()
    {
        _story.Create(s_near2, SurvivalGoal.Zone, null);
        _story.Create(s_wide2, SurvivalGoal.Region, null);
        _story.Host.RunFor(3_000);
        foreach (var node in _story.Host.Nodes)
        {
            foreach (var table in (TableRef[])[TransactionStory.Near, s_near2, TransactionStory.Wide, s_wide2, TransactionStory.Far])
            {
                _story.Host.Read(node.Value, table, "warm");
            }
        }
    }

    [Fact]
    public void In_one_home_region_a_transaction_over_ranges_costs_what_a_write_costs()
    {
        foreach (var isolation in Enum.GetValues<TransactionIsolation>())
        {
            foreach (var home in (int[])[1, 2, 3])
            {
                var alone = ((TableRef[])[TransactionStory.Near, s_near2]).Max(
                    table => _story.Host.Measure(() => _story.Put(home, table, $"n{_keys++}", 1)).Ms);
                var paid = Median(home, isolation, [], [TransactionStory.Near, s_near2]);
                Paid(paid, 0, 0, alone + 1);
                Paid(Median(home, isolation, [], [TransactionStory.Wide, s_wide2]), HomeToVoterMs, 1);
            }

            Paid(Median(4, isolation, [], [TransactionStory.Near, s_near2]), WestToHomeMs, 1);
            Paid(Median(4, isolation, [], [TransactionStory.Wide, s_wide2]), WestToHomeMs + HomeToVoterMs, 2);
        }
    }

    [Fact]
    public void Across_regions_it_costs_the_slowest_participant_once()
    {
        Paid(Median(1, default, [], [TransactionStory.Near, TransactionStory.Far]), HomeToVoterMs, 1);
        Paid(Median(1, default, [], [TransactionStory.Wide, TransactionStory.Far]), HomeToVoterMs, 1);
        Paid(Median(4, default, [], [TransactionStory.Near, TransactionStory.Far]), WestToFarMs, 1);
        Paid(Median(4, default, [], [TransactionStory.Wide, TransactionStory.Far]), WestToFarMs, 1);
        Paid(Median(7, default, [], [TransactionStory.Wide, TransactionStory.Far]), HomeToVoterMs * 2, 2);
    }

    [Fact]
    public void What_is_looked_at_and_not_written_costs_the_slowest_of_those_reads_before()
    {
        Paid(Median(1, default, [TransactionStory.Near], [TransactionStory.Near, s_near2]), 0, 0, TwoExchangesMs);
        Paid(Median(1, default, [TransactionStory.Near], [TransactionStory.Wide, s_wide2]), HomeToVoterMs, 1);
        Paid(Median(1, default, [TransactionStory.Far], [TransactionStory.Near, s_near2]), HomeToVoterMs, 1);
        Paid(Median(1, default, [TransactionStory.Far], [TransactionStory.Wide, s_wide2]), HomeToVoterMs * 2, 2);
        TableRef[] both = [TransactionStory.Far, TransactionStory.Near];
        Paid(Median(4, default, both, [TransactionStory.Near, s_near2]), WestToFarMs + WestToHomeMs, 2);
    }

    [Fact]
    public void What_only_reads_costs_its_reads()
    {
        Paid(Median(1, default, [TransactionStory.Near, TransactionStory.Wide], []), 0, 0);
        Paid(Median(1, default, [TransactionStory.Near, TransactionStory.Far], []), HomeToVoterMs, 1);
        Paid(Median(4, default, [TransactionStory.Near, TransactionStory.Far], []), WestToFarMs, 1);
    }

    [Fact]
    public void Strictness_over_ranges_costs_one_round_more_where_something_is_looked_at()
    {
        const TransactionIsolation Strict = TransactionIsolation.Strict;
        Paid(Median(1, Strict, [TransactionStory.Near, TransactionStory.Wide], []), 0, 0);
        Paid(Median(1, Strict, [TransactionStory.Near, TransactionStory.Far], []), HomeToVoterMs * 2, 2);
        Paid(Median(4, Strict, [TransactionStory.Near, TransactionStory.Far], []), WestToFarMs * 2, 2);
        Paid(Median(1, Strict, [TransactionStory.Near], [TransactionStory.Wide, s_wide2]), HomeToVoterMs * 2, 2);
        Paid(Median(1, Strict, [TransactionStory.Far], [TransactionStory.Near, s_near2]), HomeToVoterMs * 2, 2);
    }

    private (GeoResult<TransactionResult> Result, double Ms) Median(
        int node, TransactionIsolation isolation, TableRef[] looked, TableRef[] written)
    {
        var runs = new List<(GeoResult<TransactionResult> Result, double Ms)>();
        for (var i = 0; i < 5; i++)
        {
            // Rows of their own, and a pause: this is about what a transaction costs that meets nobody.
            var key = $"n{_keys++}";
            var request = new TransactionRequest(
                isolation == default ? TransactionIsolation.Serializable : isolation,
                [.. looked.Select(table => new TransactionRead(table.Table, ScenarioHost.Key("looked")))],
                [],
                [.. written.Select(table => new TransactionWrite(table.Table, TransactionStory.PutOf(key, 1)))]);
            runs.Add(_story.Host.Measure(() => _story.Transact(node, request)));
            Assert.True(runs[^1].Result.IsOk, runs[^1].Result.Error?.ToString());
            _story.Host.RunFor(400);
        }

        return runs.OrderBy(run => run.Ms).ElementAt(2);
    }

    private static void Paid((GeoResult<TransactionResult> Result, double Ms) run, double formulaMs, int roundTrips, double slackMs = 3)
    {
        var (meta, said) = (run.Result.Meta, $"{run.Ms} ms over {string.Join(' ', run.Result.Meta.WanPath)}, {formulaMs} expected");
        Assert.True(meta.RoundTrips == roundTrips, said);
        Assert.True(run.Ms >= formulaMs && run.Ms <= (formulaMs * 1.15) + slackMs, said);
        Assert.InRange(meta.ElapsedMs, formulaMs - 1, run.Ms);
    }
}
