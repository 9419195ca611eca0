using System.Text.Json;
using System.Text.RegularExpressions;

namespace OrleansGeo.Tests.Api.Metrics;

/// <summary>The dashboard and the alert rules ask for metrics that exist, by labels that those have.</summary>
public sealed partial class MonitoringTests
{
    private static readonly Dictionary<string, ListedMetric> s_list =
        MetricsList.Read().ToDictionary(static one => one.Name, StringComparer.Ordinal);

    private static string Dashboard => File.ReadAllText(Path.Combine(MetricsList.Root, "infra", "grafana", "dashboard.json"));

    private static string Alerts => File.ReadAllText(Path.Combine(MetricsList.Root, "infra", "prometheus", "alerts.yaml"));

    [Fact]
    public void Every_query_of_the_dashboard_asks_for_what_there_is()
    {
        using var dashboard = JsonDocument.Parse(Dashboard);
        var panels = dashboard.RootElement.GetProperty("panels").EnumerateArray().ToArray();
        Assert.Equal(panels.Length, panels.Select(static panel => panel.GetProperty("id").GetInt32()).Distinct().Count());
        var asked = 0;
        foreach (var panel in panels.Where(static panel => panel.GetProperty("type").GetString() != "row"))
        {
            var title = panel.GetProperty("title").GetString();
            Assert.False(string.IsNullOrEmpty(panel.GetProperty("description").GetString()), title);
            foreach (var target in panel.GetProperty("targets").EnumerateArray())
            {
                var query = target.GetProperty("expr").GetString()!;
                Nothing($"{title}: {query}", PromQuery.Check(query, s_list));
                var legend = PromQuery.LabelsIn(target.GetProperty("legendFormat").GetString()!);
                Nothing($"{title}: the legend of {query}", legend.Except(PromQuery.LabelsOf(query, s_list)));
                asked++;
            }
        }

        Assert.True(asked > 40);
        foreach (var variable in dashboard.RootElement.GetProperty("templating").GetProperty("list").EnumerateArray())
        {
            if (variable.TryGetProperty("definition", out var definition))
            {
                Nothing(definition.GetString()!, PromQuery.Check(definition.GetString()!, s_list));
            }
        }
    }

    [Fact]
    public void Every_alert_asks_for_what_there_is_and_says_what_to_do()
    {
        var rules = Rule().Matches(Alerts);
        Assert.Equal(Alerts.Split("- alert:").Length - 1, rules.Count);
        Assert.Equal(rules.Count, rules.Select(static rule => rule.Groups["name"].Value).Distinct(StringComparer.Ordinal).Count());
        var page = File.ReadAllLines(Path.Combine(MetricsList.Root, "docs", "metrics.md"));
        var anchors = page.Where(static line => line.StartsWith("### ", StringComparison.Ordinal)).Select(static line =>
            Regex.Replace(line[4..].ToLowerInvariant(), "[^a-z0-9 -]", "", RegexOptions.NonBacktracking).Replace(' ', '-')).ToHashSet();
        foreach (Match rule in rules)
        {
            var query = rule.Groups["expr"].Value;
            Nothing($"{rule.Groups["name"].Value}: {query}", PromQuery.Check(query, s_list));
            Assert.Contains(rule.Groups["anchor"].Value, anchors);
            var summary = rule.Groups["summary"].Value;
            Nothing(summary, PromQuery.LabelsIn(summary).Except(PromQuery.LabelsOf(query, s_list)));
        }

        Assert.Equal(anchors.Count, rules.Count);
    }

    [Fact]
    public void Outcomes_that_are_asked_for_are_outcomes_there_are()
    {
        var outcomes = Enum.GetNames<GeoErrorKind>().Select(static name =>
            Capital().Replace(name, "_$0").ToLowerInvariant()).Append("ok");
        var asked = Outcome().Matches(Alerts + Dashboard).Select(static match => match.Groups["outcome"].Value).Distinct().ToArray();
        Assert.Equal(3, asked.Length);
        Assert.Empty(asked.Except(outcomes));
    }

    [Theory]
    [InlineData("sum(orleansgeo_no_such_thing)", "there is no metric")]
    [InlineData("orleansgeo_peer_rtt_seconds{pear=\"n1\"}", "has no label pear")]
    [InlineData("max by (lane) (orleansgeo_peer_rtt_seconds)", "has no label lane")]
    [InlineData("rate(orleansgeo_storage_sync_duration_seconds[5m])", "there is no metric")]
    [InlineData("rate(orleansgeo_peer_rtt_seconds_bucket[5m])", "there is no metric")]
    [InlineData("medianise(orleansgeo_replica_held)", "medianise")]
    [InlineData("1 + 1", "no metric")]
    public void A_query_that_asks_for_what_there_is_not_is_noticed(string query, string wrong) =>
        Assert.Contains(wrong, string.Join('\n', PromQuery.Check(query, s_list)), StringComparison.Ordinal);

    private static void Nothing(string of, IEnumerable<string> wrong) => Assert.True(!wrong.Any(), $"{of}: {string.Join("; ", wrong)}");

    [GeneratedRegex("""
        - alert: (?<name>\w+)
                expr: '(?<expr>[^']+)'
                for: \d+[sm]
                labels:
                  severity: (critical|warning)
                annotations:
                  summary: '(?<summary>[^']+)'
                  runbook: docs/metrics\.md#(?<anchor>[a-z-]+)

        """, RegexOptions.ExplicitCapture)]
    private static partial Regex Rule();

    [GeneratedRegex("(?<!^)[A-Z]")]
    private static partial Regex Capital();

    [GeneratedRegex("""outcome!?=\\?"(?<outcome>[a-z_]+)""")]
    private static partial Regex Outcome();
}
