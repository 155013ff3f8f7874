# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The page in a real browser, where one is installed."""
import html
import json
import re
import shutil
import subprocess

import four_images as four
import pytest
from tool_runs import imported

BROWSER = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))),
               None)
# A frame is as narrow as a phone; a window cannot be.
FRAMES = '''<!DOCTYPE html><title>waits</title>
{frames}
<script>
addEventListener('load', () => {{
  document.title = JSON.stringify([...document.querySelectorAll('iframe')].map(frame => {{
    const page = frame.contentDocument, images = [...page.images];
    return {{
      width: frame.clientWidth, needed: page.documentElement.scrollWidth,
      images: images.length, broken: images.filter(image => !image.naturalWidth).length,
      focusable: [...page.querySelectorAll('a, summary, [tabindex]')].map(e => e.tabIndex),
      requests: frame.contentWindow.performance.getEntriesByType('resource').filter(
        entry => !entry.name.startsWith('data:')).length}};
  }}));
}});
</script>'''


@pytest.mark.skipif(BROWSER is None, reason='no chromium')
def test_page_fits_a_desktop_and_a_phone(tmp_path):
    truth = four.content(names=['划痕', '斑块'])
    run = four.write_run(tmp_path / 'nano' / 'seed0', four.DETECTIONS, truth=truth)
    assert imported('report').main(['--model', run, '--output', str(tmp_path / 'report'),
                                    '--language', 'cn', '--pictures', '1']) == 0
    page = html.escape((tmp_path / 'report' / 'report.html').read_text(encoding='utf-8'))
    frames = '\n'.join(f'<iframe style="width: {width}px; border: 0" srcdoc="{page}"></iframe>'
                       for width in (1280, 375))
    wrapper = tmp_path / 'frames.html'
    wrapper.write_text(FRAMES.format(frames=frames), encoding='utf-8')
    done = subprocess.run(
        [BROWSER, '--headless=new', '--no-sandbox', '--disable-gpu', '--dump-dom',
         '--window-size=1400,900', f'--user-data-dir={tmp_path / "profile"}',
         '--virtual-time-budget=10000', wrapper.as_uri()],
        capture_output=True, text=True, timeout=120)
    title = html.unescape(re.search('<title>(.*?)</title>', done.stdout).group(1))
    for seen in json.loads(title):
        assert seen['needed'] <= seen['width'], 'the page scrolls sideways'
        assert seen['images'] > 5 and seen['broken'] == 0
        assert seen['requests'] == 0
        # In the order of the page: none is taken out of it, none comes earlier.
        assert set(seen['focusable']) == {0} and len(seen['focusable']) > 20
