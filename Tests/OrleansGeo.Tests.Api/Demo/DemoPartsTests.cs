using System.Text.Json;
using Microsoft.AspNetCore.Http;
using OrleansGeo.Api.Demo;

namespace OrleansGeo.Tests.Api.Demo;

/// <summary>The demo's parts that need no ports.</summary>
public sealed class DemoPartsTests
{
    [Fact]
    public void An_outage_is_the_longest_gap_from_the_last_acknowledgement_before_the_fault()
    {
        var meter = new OutageMeter();
        foreach (var (seconds, isFault) in new[] { (1, false), (20, false), (22, true), (25, false), (26, false) })
        {
            if (isFault)
            {
                meter.Watch(Seconds(seconds));
            }
            else
            {
                meter.Acknowledged(Seconds(seconds));
            }
        }

        Assert.Equal((Seconds(5), false), meter.Read(Seconds(28)));
    }

    [Theory]
    [InlineData("127.0.0.1", false, 0)]
    [InlineData("::1", false, 0)]
    [InlineData("0.0.0.0", false, 1)]
    [InlineData("0.0.0.0", true, 0)]
    [InlineData("here", false, 1)]
    public void Other_machines_reach_the_demo_only_when_that_is_said(string address, bool insecure, int errors)
    {
        string[] words = ["--bind", address, .. insecure ? new[] { "--insecure" } : []];
        Assert.Equal(errors, DemoCommand.Make().Parse(words).Errors.Count);
    }

    [Fact]
    public void A_gap_that_is_still_open_counts()
    {
        var meter = new OutageMeter();
        meter.Acknowledged(Seconds(1));
        meter.Watch(Seconds(2));
        meter.Acknowledged(Seconds(3));
        Assert.Equal((Seconds(7), true), meter.Read(Seconds(10)));
        Assert.False(meter.HasAcknowledgedSince(Seconds(3)));
        Assert.True(meter.HasAcknowledgedSince(Seconds(2)));
    }

    [Fact]
    public void A_client_that_was_never_answered_is_out_since_it_was_watched()
    {
        var meter = new OutageMeter();
        meter.Watch(Seconds(2));
        Assert.Equal((Seconds(4), true), meter.Read(Seconds(6)));
    }

    [Theory]
    [InlineData("GET", null, true)]
    [InlineData("PUT", null, true)]
    [InlineData("DELETE", null, true)]
    [InlineData("PUT", "If-Match", false)]
    [InlineData("DELETE", "If-None-Match", false)]
    [InlineData("POST", null, false)]
    [InlineData("PATCH", null, false)]
    [InlineData("POST", "Idempotency-Key", true)]
    [InlineData("PATCH", "Idempotency-Key", true)]
    public async Task Only_what_may_be_done_twice_is_sent_twice(string method, string? header, bool expected)
    {
        var http = new DefaultHttpContext();
        http.Request.Method = method;
        http.Request.Body = new MemoryStream("{}"u8.ToArray());
        http.Request.ContentLength = 2;
        if (header is not null)
        {
            http.Request.Headers[header] = "x";
        }

        Assert.Equal(expected, (await ForwardedBody.ReadAsync(http.Request)).MayRepeat);
    }

    [Fact]
    public void A_row_read_back_matches_only_what_was_written()
    {
        var row = new IsoRow("t", "a", ["a"], new() { ["k"] = "a", ["v"] = "1", ["w"] = null });
        Assert.True(row.Matches(JsonElement.Parse("""{"k":"a","v":"1","w":null}""")));
        Assert.False(row.Matches(JsonElement.Parse("""{"k":"a","v":"2","w":null}""")));
        Assert.False(row.Matches(JsonElement.Parse("""{"k":"a","v":null,"w":null}""")));
        Assert.False(row.Matches(JsonElement.Parse("""{"k":"a","v":"1","w":"3"}""")));
        Assert.False(row.Matches(JsonElement.Parse("""{"k":"a","v":"1"}""")));
    }

    [Fact]
    public void Iso_rows_have_every_column_and_a_key_of_their_own()
    {
        var folder = Directory.CreateTempSubdirectory("geo-iso-").FullName;
        try
        {
            File.WriteAllText(
                Path.Combine(folder, "iso_3166-1.json"),
                """{"3166-1":[{"alpha_2":"FR","alpha_3":"FRA","name":"France","numeric":"250"}]}""");
            File.WriteAllText(
                Path.Combine(folder, "iso_3166-2.json"),
                """{"3166-2":[{"code":"FR-75","name":"Paris","type":"Department","parent":"IDF"}]}""");
            var rows = IsoRows.Read(folder);
            Assert.Equal(["countries FR", "subdivisions FR/FR-75"], rows.Select(row => $"{row.Table} {row.Path}"));
            Assert.Equal(
                """{"code":"FR","alpha3":"FRA","numeric":"250","name":"France","officialName":null,"commonName":null,"flag":null}""",
                rows[0].Columns.ToJsonString());
            Assert.Equal("""["FR","FR-75"]""", rows[1].Key.ToJsonString());
            File.Delete(Path.Combine(folder, "iso_3166-2.json"));
            Assert.Throws<DemoFailedException>(() => IsoRows.Read(folder));
        }
        finally
        {
            Directory.Delete(folder, true);
        }
    }

    private static TimeSpan Seconds(int seconds) => TimeSpan.FromSeconds(seconds);
}
