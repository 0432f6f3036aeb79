import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { appConfig, EXTENSION_URL, MODE_URL } from '../../../extension/app-config.ts';

const read = () => {
  const window: { config?: Record<string, unknown> } = {};
  runInNewContext(appConfig(), { window });
  return window.config!;
};

describe('the configuration of OHIF', () => {
  it('loads our plugins', () => {
    expect(read()).toMatchObject({ extensions: [EXTENSION_URL], modes: [MODE_URL], showStudyList: true });
  });

  it('knows no other host', () => {
    expect(appConfig()).not.toMatch(/https?:|\/\//);
  });

  it('signs in at the identity provider where there is one, for tokens that are meant for this server', () => {
    expect(appConfig()).not.toContain('oidc');
    expect(appConfig({ issuer: 'https://id.example', clientId: 'viewer', audience: 'urn:cerebloom' }))
      .toMatch(/"authority": "https:\/\/id\.example",\s*"client_id": "viewer",\s*"redirect_uri": "\/callback",\s*"response_type": "code"[\s\S]*"resource": "urn:cerebloom"/);
  });

  it('has no data source that takes the address of another server (CVE-2026-12473)', () => {
    expect((read().dataSources as { namespace: string }[]).map(({ namespace }) => namespace)).toEqual(['@ohif/extension-default.dataSourcesModule.dicomweb']);
    expect(read()).not.toHaveProperty('dangerouslyUseDynamicConfig');
  });

  it('stores uploads through the same door as it reads', () => {
    expect(read().dataSources).toMatchObject([{ configuration: { qidoRoot: '/dicom-web', wadoRoot: '/dicom-web', dicomUploadEnabled: true } }]);
  });

  it.each(['viewer', 'segmentation'])('puts the button last on the toolbar of the stock mode %s, and the panel first', mode => {
    const { customizationService } = read() as { customizationService: { mode: Record<string, { toolbarSections: { $push: [{ primary: string[] }] }; rightPanels: object }> } };
    const { toolbarSections, rightPanels } = customizationService.mode[mode]!;
    expect(toolbarSections.$push[0].primary.at(-1)).toBe('SegmentTumour');
    expect(rightPanels).toEqual({ $unshift: ['cerebloom.panelModule.tumour'] });
  });

  it('leads from OHIF to our own pages, in its language', () => {
    const window: { config?: { whiteLabeling: { createLogoComponentFn(react: object): object } } } = {};
    const localStorage = { getItem: () => 'fr' };
    runInNewContext(appConfig(), { window, localStorage, navigator: {} });
    const createElement = (type: string, props: { href?: string }, children: unknown) => ({ type, href: props.href, children });
    expect(JSON.stringify(window.config!.whiteLabeling.createLogoComponentFn({ createElement }))).toMatch(/"\/work-list","children":"Liste de travail".*"\/dashboard","children":"Tableau de bord"/);
  });
});
