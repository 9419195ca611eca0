using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using OrleansGeo.Security;

namespace OrleansGeo.Api.Access;

/// <summary>HTTPS for the REST interface of a host.</summary>
public static class Https
{
    /// <summary>Each connection is answered with the certificate as it is then, so one that was replaced needs no restart.</summary>
    public static ListenOptions UseGeoHttps(this ListenOptions listen, Reloaded<CertificateSet> certificate)
    {
        listen.UseHttps(new TlsHandshakeCallbackOptions
        {
            OnConnection = _ => ValueTask.FromResult(certificate.Current.ForEverybody()),
        });
        return listen;
    }
}
