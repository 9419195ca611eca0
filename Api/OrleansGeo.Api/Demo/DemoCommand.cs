using System.CommandLine;
using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;
using OrleansGeo.Engine;

namespace OrleansGeo.Api.Demo;

/// <summary>The command that runs the demo in the foreground until a signal stops it.</summary>
public static class DemoCommand
{
    private const int Done = 0;
    private const int Failed = 1;
    private const int Refused = 2;
    private const int PortMax = 65_526;

    private static readonly TimeSpan s_readyPatience = TimeSpan.FromSeconds(60);

    /// <summary>The command with its options.</summary>
    public static Command Make()
    {
        var port = new Option<int>("--http-port")
        {
            Description = "first port: the front door is P, node k is P+k",
            HelpName = "P",
            DefaultValueFactory = static _ => DemoOptions.DefaultPort,
        };
        port.Validators.Add(static result =>
        {
            if (result.Tokens is [{ Value: var text }] && int.TryParse(text, out var first) && (first < 1 || first > PortMax))
            {
                result.AddError($"--http-port is from 1 to {PortMax}: ten ports in a row are taken.");
            }
        });
        var data = new Option<string?>("--data")
        {
            Description = "keep the data in DIR on RocksDB; without it the data is in memory",
            HelpName = "DIR",
        };
        var keep = KeepVersions();
        var load = new Option<string?>("--load") { Description = "load all ISO 3166 countries and subdivisions, and verify each" };
        load.AcceptOnlyFromAmong("iso");
        var script = new Option<string?>("--script") { Description = "break something under load, print what it cost, and exit" };
        script.AcceptOnlyFromAmong([.. Scripts.Names]);
        var region = new Option<string>("--front-region")
        {
            Description = "where the front door stands",
            DefaultValueFactory = static _ => new DemoOptions().FrontRegion,
        };
        region.AcceptOnlyFromAmong([.. WanTopology.Demo.Nodes.Select(static node => node.Region).Distinct(StringComparer.Ordinal)]);
        var bind = new Option<string>("--bind") { Description = "the address to listen on", DefaultValueFactory = static _ => "127.0.0.1" };
        bind.Validators.Add(static result =>
        {
            if (!IPAddress.TryParse(result.GetValueOrDefault<string>(), out _))
            {
                result.AddError("--bind is an IP address.");
            }
        });
        var insecure = new Option<bool>("--insecure") { Description = "let other machines reach it" };
        var otlp = OtlpEndpoint();
        var command = new Command("demo", "nine nodes in three regions in one process, with REST")
        {
            port, data, keep, load, script, region, bind, insecure, otlp,
        };
        command.Validators.Add(result =>
        {
            if (IPAddress.TryParse(result.GetValue(bind), out var address) && !IPAddress.IsLoopback(address) && !result.GetValue(insecure))
            {
                result.AddError($"The demo has no keys and takes faults from everybody: --bind {address} needs --insecure.");
            }
        });
        command.SetAction((parsed, _) => RunAsync(new()
        {
            HttpPort = parsed.GetValue(port),
            Data = parsed.GetValue(data),
            KeepVersions = parsed.GetValue(keep) is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
            Load = parsed.GetValue(load),
            Script = parsed.GetValue(script),
            OtlpEndpoint = parsed.GetValue(otlp),
            FrontRegion = parsed.GetValue(region)!,
            Bind = IPAddress.Parse(parsed.GetValue(bind)!),
        }));
        return command;
    }

    private static Option<int?> KeepVersions()
    {
        var keep = new Option<int?>("--keep-versions-seconds")
        {
            Description = "how long old versions of rows are kept, which is how far back rows can be read; 25 hours unless given",
            HelpName = "N",
        };
        keep.Validators.Add(static result =>
        {
            if (result.GetValueOrDefault<int?>() is < 1)
            {
                result.AddError("--keep-versions-seconds is at least 1.");
            }
        });
        return keep;
    }

    private static Option<Uri?> OtlpEndpoint() => new("--otlp-endpoint")
    {
        Description = "send metrics and spans to a collector, OTLP over HTTP; OTEL_EXPORTER_OTLP_ENDPOINT does too",
        HelpName = "URL",
        CustomParser = static result =>
        {
            if (Uri.TryCreate(result.Tokens[0].Value, UriKind.Absolute, out var url) && url.Scheme is "http" or "https")
            {
                return url;
            }

            result.AddError("--otlp-endpoint is an http or https address.");
            return null;
        },
    };

    private static async Task<int> RunAsync(DemoOptions options)
    {
        using var stop = new CancellationTokenSource();
        using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        try
        {
            return await RunAsync(options, DemoOutput.ForConsole(), stop.Token);
        }
        catch (DemoRefusedException refused)
        {
            await Console.Error.WriteLineAsync($"demo: {refused.Message}");
            return Refused;
        }
        catch (DemoFailedException failed)
        {
            await Console.Error.WriteLineAsync($"demo: {failed.Message}");
            return Failed;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return Done;
        }

        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = true;
            stop.Cancel();
        }
    }

    private static async Task<int> RunAsync(DemoOptions options, DemoOutput output, CancellationToken stop)
    {
        var began = Stopwatch.GetTimestamp();
        await using var host = await DemoHost.StartAsync(options, text => Console.Error.WriteLine($"demo: {text}"));
        if (await host.ReadyAsync(s_readyPatience, stop))
        {
            output.Line($"All nodes are ready after {Stopwatch.GetElapsedTime(began).TotalSeconds:F1} s.");
        }
        else
        {
            output.Line(
                $"Not every node is ready after {s_readyPatience.TotalSeconds:F0} s; {host.FrontText}/readyz says what is missing.");
        }

        DemoBanner.Print(output, host.FrontText, host.Cluster, options);
        if (options.Load is not null && !await IsoLoad.RunAsync(host, output, stop))
        {
            return Failed;
        }

        if (options.Script is not null)
        {
            return await Scripts.RunAsync(options.Script, host, output, stop) ? Done : Failed;
        }

        await Task.Delay(Timeout.Infinite, stop);
        return Done;
    }
}
